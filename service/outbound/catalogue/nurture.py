"""Events of what the service does of its own accord: it scores, assigns, minds the time, and follows policies."""

from __future__ import annotations

from typing import Final

from service.outbound.catalogue.examples import (
    ASSIGNMENT,
    DEADLINE,
    LEAD_ASSIGNED,
    LEAD_FLAGGED,
    LEAD_LATE,
    LEAD_SCORED,
)
from service.outbound.catalogue.shapes import (
    ID,
    INSTANT,
    INTEGER,
    TEXT,
    EventType,
    Schema,
    lead_event,
    object_,
    or_null,
    service_event,
)

_VERSION: Final[Schema] = {**INTEGER, "description": "Which version of the rules it happened under"}
_WHY: Final[Schema] = {
    "type": "object",
    "description": "What the rule looked at and what it found: a map of names to values",
}

_ENTRY: Final = object_(
    {
        "rule": {
            **or_null(TEXT),
            "description": "Key of the scoring rule; null: all else that changed it, which is decay and the bounds of the score",
        },
        "points": {"type": "number", "description": "What the rule gives now"},
        "previous_points": {"type": "number", "description": "What it gave before"},
        "version": or_null(_VERSION),
        "activity_id": {**or_null(ID), "description": "The activity it counts, of rules that count activities"},
    },
    optional=("previous_points", "version", "activity_id"),
)

_ASSIGNMENT: Final = object_(
    {
        "id": ID,
        "owner": {**or_null(TEXT), "description": "Who has the lead now; null: nobody"},
        "team": or_null(TEXT),
        "rule": {**or_null(TEXT), "description": "Key of the rule that chose the owner; null: a person did"},
        "version": or_null(_VERSION),
        "why": _WHY,
        "status": {
            "type": "string",
            "enum": ["offered", "accepted", "rejected", "reclaimed", "released", "ended"],
            "description": "Whether the owner was only offered the lead, has accepted it, or lost it",
        },
        "reason": {**or_null(TEXT), "description": "How it was lost: a code"},
        "offered_at": INSTANT,
        "accept_by": {**or_null(INSTANT), "description": "The offer goes on to somebody else then"},
    }
)

_DEADLINE: Final = object_(
    {
        "id": ID,
        "kind": {**TEXT, "description": "What was to be done in time: a first response, or to move on from a stage"},
        "stage": {**or_null(TEXT), "description": "The stage the time was allowed for"},
        "rule": {**TEXT, "description": "Key of the rule that allowed the time"},
        "version": _VERSION,
        "started_at": INSTANT,
        "due_at": INSTANT,
    }
)

_TIER_CHANGE: Final = object_(
    {
        "account": object_(
            {
                "id": {**or_null(TEXT), "description": "The domain; null once nobody of the company is known any more"},
                "domain": or_null(TEXT),
            }
        ),
        "tier": {**or_null(TEXT), "description": "Null: none fits"},
        "previous_tier": or_null(TEXT),
        "version": _VERSION,
        "why": _WHY,
    }
)

NURTURE_TYPES: Final[tuple[EventType, ...]] = (
    lead_event(
        "lead.score_changed",
        "A lead's score changed; `why` are the entries of its ledger that came or went; they add up to the change.",
        {"score": INTEGER, "previous_score": INTEGER, "why": {"type": "array", "items": _ENTRY}},
        lead=LEAD_SCORED,
        event_id="019a9c66-1f0b-7a3d-8c52-9e7d6c5b4a31",
        score=45,
        previous_score=20,
        why=[
            {
                "rule": "attended-webinar",
                "points": 25,
                "previous_points": 0,
                "version": 3,
                "activity_id": "019a9c66-1ef0-7b21-9d44-0a1b2c3d4e5f",
            }
        ],
    ),
    lead_event(
        "lead.assigned",
        "A lead was given to somebody, or taken back from them; `assignment.status` says which.",
        {"assignment": _ASSIGNMENT, "previous_owner": or_null(TEXT)},
        lead=LEAD_ASSIGNED,
        event_id="019a9c66-2a9c-7c08-b3d1-5e6f70819203",
        assignment=ASSIGNMENT,
        previous_owner=None,
    ),
    lead_event(
        "lead.overdue",
        "The time allowed for a lead has run out; told once for each deadline.",
        {"deadline": _DEADLINE},
        lead=LEAD_LATE,
        event_id="019a9c82-5d10-7e4f-a6b7-8c9d0e1f2a3b",
        at=(DEADLINE["due_at"], LEAD_LATE["updated_at"]),
        deadline=DEADLINE,
    ),
    lead_event(
        "policy.fired",
        "A policy that announces found what it waits for in a lead.",
        {"policy": object_({"key": TEXT, "version": _VERSION}), "why": _WHY},
        lead=LEAD_FLAGGED,
        event_id="019a9c66-3b7d-7d19-94a2-6f7081920314",
        policy={"key": "tell-sales-of-hot-leads", "version": 2},
        why={"score": 45, "stage": "cleaned"},
    ),
    service_event(
        "account.tier_changed",
        "The rules gave a company another tier, or none; `why` has what they asked and what they found.",
        _TIER_CHANGE,
        event_id="019a9c66-4c3e-7b9a-8f21-7a8b9c0d1e2f",
        at="2026-03-14T10:02:11.482913Z",
        example={
            "account": {"id": "acme.com", "domain": "acme.com"},
            "tier": "key-account",
            "previous_tier": None,
            "version": 2,
            "why": {"people_gte": {"asked": 5, "found": 7}},
        },
    ),
)
