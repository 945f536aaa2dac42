"""One invented lead at several moments of its life: what the examples of events are made of."""

from __future__ import annotations

from typing import Any, Final

_LEAD_ID: Final = "019a9c5e-51d0-7a61-9d3c-2b7f5e8a1c04"

LEAD_CREATED: Final[dict[str, Any]] = {
    "id": _LEAD_ID,
    "stage": "acquired",
    "furthest_stage": "acquired",
    "stage_entered_at": "2026-11-19T09:30:00.000000Z",
    "journey": 1,
    "version": 1,
    "email": "anna.schmidt@nordwind.example",
    "phone": "+4930901820",
    "full_name": "Anna Schmidt",
    "first_name": "Anna",
    "last_name": "Schmidt",
    "job_title": None,
    "company": {
        "name": "Nordwind GmbH",
        "domain": "nordwind.example",
        "industry": "logistics",
        "size": "51-200",
        "country": "DE",
        "region": "Berlin",
    },
    "channel": "web",
    "campaign": "autumn-webinar",
    "utm": {"source": "newsletter", "medium": "email"},
    "external_ids": {"crm": "C-1042"},
    "score": 0,
    "owner": None,
    "amount": None,
    "currency": None,
    "tags": ["webinar"],
    "attributes": {},
    "consent": {},
    "referred_by": None,
    "verdict": "valid",
    "verdict_reasons": [],
    "raw": {"phone": "030 / 90 18 20"},
    "test": False,
    "created_at": "2026-11-19T09:30:00.412803Z",
    "updated_at": "2026-11-19T09:30:00.412803Z",
    "acquired_at": "2026-11-19T09:30:00.000000Z",
    "last_activity_at": "2026-11-19T09:30:00.000000Z",
    "due_at": None,
    "erased_at": None,
    "merged_into": None,
    "can_contact": {"email": True, "phone": True, "purposes": {}},
}

LEAD_UPDATED: Final[dict[str, Any]] = LEAD_CREATED | {
    "version": 2,
    "job_title": "Head of Purchasing",
    "updated_at": "2026-11-19T09:32:58.908177Z",
}

LEAD_MOVED: Final[dict[str, Any]] = LEAD_UPDATED | {
    "stage": "cleaned",
    "furthest_stage": "cleaned",
    "stage_entered_at": "2026-11-19T09:36:44.576120Z",
    "version": 3,
    "updated_at": "2026-11-19T09:36:44.576120Z",
}

LEAD_MERGED: Final[dict[str, Any]] = LEAD_MOVED | {"version": 4, "updated_at": "2026-11-19T10:02:11.307445Z"}

LEAD_UNMERGED: Final[dict[str, Any]] = LEAD_MOVED | {
    "version": 5,
    "job_title": None,
    "updated_at": "2026-11-19T10:04:40.120009Z",
}

MERGE: Final[dict[str, Any]] = {
    "merge_id": "019a9c74-31f4-7c66-8e2d-4f5a6b7c8d9e",
    "survivor_id": _LEAD_ID,
    "duplicate_id": "019a9c5f-0c3e-7b17-b5a9-9e8d7c6b5a49",
}

LEAD_ERASED: Final[dict[str, Any]] = LEAD_MOVED | {
    **dict.fromkeys(("email", "phone", "full_name", "first_name", "last_name", "job_title", "referred_by")),
    **{name: {} for name in ("utm", "external_ids", "attributes", "consent", "raw")},
    "company": {**LEAD_MOVED["company"], "name": None, "domain": None},
    "can_contact": {"email": False, "phone": False, "purposes": {}},
    "version": 4,
    "updated_at": "2026-11-20T08:00:00.000000Z",
    "erased_at": "2026-11-20T08:00:00.000000Z",
}

TRANSITION_ACQUIRED: Final[dict[str, Any]] = {
    "id": "019a9c5e-51d2-7f39-a1b6-4c8d0e2f6a75",
    "lead_id": _LEAD_ID,
    "sequence": 1,
    "journey": 1,
    "event": "acquire",
    "from_stage": None,
    "to_stage": "acquired",
    "skipped": [],
    "reason": None,
    "category": None,
    "note": None,
    "amount": None,
    "currency": None,
    "actor": "channel:web",
    "occurred_at": "2026-11-19T09:30:00.000000Z",
    "recorded_at": "2026-11-19T09:30:00.412803Z",
    "correction_id": None,
    "superseded_at": None,
    "origin": None,
}

TRANSITION_CLEANED: Final[dict[str, Any]] = TRANSITION_ACQUIRED | {
    "id": "019a9c64-7e1f-7820-93c4-8a5d1b7f0e26",
    "sequence": 2,
    "event": "clean",
    "from_stage": "acquired",
    "to_stage": "cleaned",
    "actor": "key:crm-sync",
    "occurred_at": "2026-11-19T09:36:44.576120Z",
    "recorded_at": "2026-11-19T09:36:44.576120Z",
}

LEAD_SCORED: Final[dict[str, Any]] = LEAD_MOVED | {
    "score": 45,
    "version": 4,
    "updated_at": "2026-11-19T09:38:31.402178Z",
}

LEAD_ASSIGNED: Final[dict[str, Any]] = LEAD_SCORED | {
    "owner": "maria.lopez",
    "version": 5,
    "updated_at": "2026-11-19T09:38:31.402178Z",
}

LEAD_FLAGGED: Final[dict[str, Any]] = LEAD_ASSIGNED | {"version": 6}

LEAD_LATE: Final[dict[str, Any]] = LEAD_FLAGGED | {
    "version": 7,
    "updated_at": "2026-11-19T10:08:31.871004Z",
    "due_at": "2026-11-19T10:08:31.402178Z",
}

ASSIGNMENT: Final[dict[str, Any]] = {
    "id": "019a9c66-2a9b-7b17-8c2d-4d5e6f708192",
    "owner": "maria.lopez",
    "team": "dach",
    "rule": "germany-logistics",
    "version": 4,
    "why": {"method": "round_robin", "candidates": 4, "load": 11, "due": 0.75},
    "status": "offered",
    "reason": None,
    "offered_at": "2026-11-19T09:38:31.402178Z",
    "accept_by": "2026-11-19T13:38:31.402178Z",
}

DEADLINE: Final[dict[str, Any]] = {
    "id": "019a9c66-2a9d-7d28-8e3f-6f7081920324",
    "kind": "first_response",
    "stage": "cleaned",
    "rule": "hot-leads-in-half-an-hour",
    "version": 1,
    "started_at": "2026-11-19T09:38:31.402178Z",
    "due_at": "2026-11-19T10:08:31.402178Z",
}
