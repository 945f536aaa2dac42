"""Events of a lead's life: seen, amended, moved, erased, found to be somebody who is known."""

from __future__ import annotations

from typing import Final

from service.outbound.catalogue.examples import (
    LEAD_CREATED,
    LEAD_ERASED,
    LEAD_MERGED,
    LEAD_MOVED,
    LEAD_UNMERGED,
    LEAD_UPDATED,
    MERGE,
    TRANSITION_ACQUIRED,
    TRANSITION_CLEANED,
)
from service.outbound.catalogue.shapes import (
    ID,
    INTEGER,
    OBJECT,
    TEXT,
    TEXTS,
    TRANSITION,
    EventType,
    Schema,
    lead_event,
    object_,
    or_null,
)

_PAIR: Final[dict[str, Schema]] = {"merge_id": ID, "survivor_id": ID, "duplicate_id": ID}

_BY_POLICY: Final[Schema] = {
    **object_({"key": TEXT, "version": INTEGER}),
    "description": "The policy that did it, and the version of the policies",
}

LEAD_TYPES: Final[tuple[EventType, ...]] = (
    lead_event(
        "lead.created",
        "A person was seen for the first time and is now a lead.",
        {"transition": TRANSITION},
        lead=LEAD_CREATED,
        event_id="019a9c5e-51d3-7b02-8f4e-6f0a3c1d2e4b",
        at=(TRANSITION_ACQUIRED["occurred_at"], TRANSITION_ACQUIRED["recorded_at"]),
        transition=TRANSITION_ACQUIRED,
    ),
    lead_event(
        "lead.updated",
        "Something about a lead changed, but not its stage: its own fields, or a touchpoint was added.",
        {"changed": TEXTS, "activity": OBJECT, "buying_role": or_null(TEXT), "policy": _BY_POLICY},
        optional=("activity", "buying_role", "policy"),
        lead=LEAD_UPDATED,
        event_id="019a9c61-0b1c-7d4a-9a33-5d2b7e8f9012",
        changed=["job_title"],
    ),
    lead_event(
        "lead.stage_changed",
        "A lead moved to another stage, or a correction replaced how it moved in the past.",
        {"transition": TRANSITION, "correction_id": ID},
        optional=("correction_id",),
        lead=LEAD_MOVED,
        event_id="019a9c64-7e20-7c15-b1d0-0c9e4a6b8d33",
        at=(TRANSITION_CLEANED["occurred_at"], TRANSITION_CLEANED["recorded_at"]),
        transition=TRANSITION_CLEANED,
    ),
    lead_event(
        "lead.erased",
        "The person behind a lead was erased; earlier events of the lead were cleaned of them as well.",
        {},
        lead=LEAD_ERASED,
        event_id="019a9c70-22aa-7b3c-8d4e-5f60718293a4",
    ),
    lead_event(
        "lead.merged",
        "Two leads are one person: the duplicate lives on in the survivor. Told of both of them.",
        {**_PAIR, "changed": TEXTS},
        lead=LEAD_MERGED,
        event_id="019a9c74-31f5-7a08-9b6c-7d8e9f0a1b2c",
        **MERGE,
        changed=["job_title"],
    ),
    lead_event(
        "lead.unmerged",
        "A merge was undone: the two are leads of their own again. Told of both of them.",
        _PAIR,
        lead=LEAD_UNMERGED,
        event_id="019a9c75-88d1-7f13-a2e4-1b2c3d4e5f60",
        **MERGE,
    ),
)
