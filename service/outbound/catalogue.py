"""The catalogue of event types: what each one says, as JSON Schema and by example."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from service.lifecycle.machine import Event
from service.lifecycle.stages import Stage
from service.outbound.examples import (
    CHANNEL_SILENT,
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
from service.outbound.schemas import SEQUENCE

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event: its name, what it means, the JSON Schema of the whole event, and an example of it."""

    type: str
    description: str
    schema: Schema
    example: dict[str, Any]


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


_TEXT: Final[Schema] = {"type": "string"}
_INTEGER: Final[Schema] = {"type": "integer"}
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_OBJECT: Final[Schema] = {"type": "object"}
_ID: Final[Schema] = {"type": "string", "format": "uuid"}
_INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
_MONEY: Final[Schema] = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}
_STAGE: Final[Schema] = {"type": "string", "enum": [str(stage) for stage in Stage]}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_TEXT_MAP: Final[Schema] = {"type": "object", "additionalProperties": _TEXT}


def _object(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    # Fields may be added at any time; none of these will go.
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _optional_texts(*names: str) -> dict[str, Schema]:
    return {name: _or_null(_TEXT) for name in names}


_COMPANY: Final = _object(_optional_texts("name", "domain", "industry", "size", "country", "region"))

_LEAD: Final = _object(
    {
        "id": _ID,
        "stage": _STAGE,
        "furthest_stage": _STAGE,
        "stage_entered_at": _INSTANT,
        "journey": _INTEGER,
        "version": _INTEGER,
        **_optional_texts("email", "phone", "full_name", "first_name", "last_name", "job_title"),
        "company": _COMPANY,
        **_optional_texts("channel", "campaign"),
        "utm": _TEXT_MAP,
        "external_ids": _TEXT_MAP,
        "score": _INTEGER,
        "owner": _or_null(_TEXT),
        "amount": _or_null(_MONEY),
        "currency": _or_null(_TEXT),
        "tags": _TEXTS,
        "attributes": _OBJECT,
        "consent": _OBJECT,
        "referred_by": _or_null(_TEXT),
        "verdict": {"type": "string", "enum": ["valid", "suspect", "invalid"]},
        "verdict_reasons": _TEXTS,
        "raw": _OBJECT,
        "test": _BOOLEAN,
        "created_at": _INSTANT,
        "updated_at": _INSTANT,
        "acquired_at": _INSTANT,
        "last_activity_at": _or_null(_INSTANT),
        "erased_at": _or_null(_INSTANT),
        "merged_into": _or_null(_ID),
        "can_contact": _object({"email": _BOOLEAN, "phone": _BOOLEAN, "purposes": _OBJECT}),
    }
)

_TRANSITION: Final = _object(
    {
        "id": _ID,
        "lead_id": _ID,
        "sequence": _INTEGER,
        "journey": _INTEGER,
        "event": {"type": "string", "enum": [str(event) for event in Event]},
        "from_stage": {"enum": [*_STAGE["enum"], None]},
        "to_stage": _STAGE,
        "skipped": {"type": "array", "items": _STAGE},
        **_optional_texts("reason", "category", "note"),
        "amount": _or_null(_MONEY),
        "currency": _or_null(_TEXT),
        "actor": _TEXT,
        "occurred_at": _INSTANT,
        "recorded_at": _INSTANT,
        "correction_id": _or_null(_ID),
        "superseded_at": _or_null(_INSTANT),
        "origin": {**_or_null(_ID), "description": "The lead that brought it when it was merged into this one"},
    }
)

_PAIR: Final[dict[str, Schema]] = {"merge_id": _ID, "survivor_id": _ID, "duplicate_id": _ID}

_SILENCE: Final = _object(
    {
        "channel": _object({"key": _TEXT, "vendor": _TEXT, "name": _or_null(_TEXT)}),
        "silent_since": {**_INSTANT, "description": "When its last delivery was received"},
        "longest_gap_seconds": {
            "type": "number",
            "description": "The longest it was silent before, among its last 500 deliveries within 30 days",
        },
        "refused": {
            "type": "object",
            "additionalProperties": _INTEGER,
            "description": "What was refused since that day, by reason: it may be speaking and not be understood",
        },
    }
)


def _event(type_: str, data: Schema) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": type_,
        **_object(
            {
                "id": _ID,
                "type": {"const": type_},
                "timestamp": {**_INSTANT, "description": "When it happened"},
                "recorded_at": {**_INSTANT, "description": "When the service wrote it down"},
                "lead_id": _or_null(_ID),
                "sequence": {**_INTEGER, "description": SEQUENCE},
                "data": data,
            }
        ),
    }


def _example(
    type_: str, lead: dict[str, Any], *, event_id: str, timestamp: str, recorded_at: str, **data: Any
) -> dict[str, Any]:
    return {
        "id": event_id,
        "type": type_,
        "timestamp": timestamp,
        "recorded_at": recorded_at,
        "lead_id": lead["id"],
        "sequence": lead["version"],
        "data": {"lead": lead, **data},
    }


def _types() -> tuple[EventType, ...]:
    return (
        EventType(
            "lead.created",
            "A person was seen for the first time and is now a lead.",
            _event("lead.created", _object({"lead": _LEAD, "transition": _TRANSITION})),
            _example(
                "lead.created",
                LEAD_CREATED,
                event_id="019a9c5e-51d3-7b02-8f4e-6f0a3c1d2e4b",
                timestamp=TRANSITION_ACQUIRED["occurred_at"],
                recorded_at=TRANSITION_ACQUIRED["recorded_at"],
                transition=TRANSITION_ACQUIRED,
            ),
        ),
        EventType(
            "lead.updated",
            "Something about a lead changed, but not its stage: its own fields, or a touchpoint was added.",
            _event(
                "lead.updated", _object({"lead": _LEAD, "changed": _TEXTS, "activity": _OBJECT}, optional=("activity",))
            ),
            _example(
                "lead.updated",
                LEAD_UPDATED,
                event_id="019a9c61-0b1c-7d4a-9a33-5d2b7e8f9012",
                timestamp=LEAD_UPDATED["updated_at"],
                recorded_at=LEAD_UPDATED["updated_at"],
                changed=["job_title"],
            ),
        ),
        EventType(
            "lead.stage_changed",
            "A lead moved to another stage, or a correction replaced how it moved in the past.",
            _event(
                "lead.stage_changed",
                _object({"lead": _LEAD, "transition": _TRANSITION, "correction_id": _ID}, optional=("correction_id",)),
            ),
            _example(
                "lead.stage_changed",
                LEAD_MOVED,
                event_id="019a9c64-7e20-7c15-b1d0-0c9e4a6b8d33",
                timestamp=TRANSITION_CLEANED["occurred_at"],
                recorded_at=TRANSITION_CLEANED["recorded_at"],
                transition=TRANSITION_CLEANED,
            ),
        ),
        EventType(
            "lead.erased",
            "The person behind a lead was erased; earlier events of the lead were cleaned of them as well.",
            _event("lead.erased", _object({"lead": _LEAD})),
            _example(
                "lead.erased",
                LEAD_ERASED,
                event_id="019a9c70-22aa-7b3c-8d4e-5f60718293a4",
                timestamp=LEAD_ERASED["updated_at"],
                recorded_at=LEAD_ERASED["updated_at"],
            ),
        ),
        EventType(
            "lead.merged",
            "Two leads are one person: the duplicate lives on in the survivor. Told of both of them.",
            _event("lead.merged", _object({"lead": _LEAD, **_PAIR, "changed": _TEXTS})),
            _example(
                "lead.merged",
                LEAD_MERGED,
                event_id="019a9c74-31f5-7a08-9b6c-7d8e9f0a1b2c",
                timestamp=LEAD_MERGED["updated_at"],
                recorded_at=LEAD_MERGED["updated_at"],
                **MERGE,
                changed=["job_title"],
            ),
        ),
        EventType(
            "lead.unmerged",
            "A merge was undone: the two are leads of their own again. Told of both of them.",
            _event("lead.unmerged", _object({"lead": _LEAD, **_PAIR})),
            _example(
                "lead.unmerged",
                LEAD_UNMERGED,
                event_id="019a9c75-88d1-7f13-a2e4-1b2c3d4e5f60",
                timestamp=LEAD_UNMERGED["updated_at"],
                recorded_at=LEAD_UNMERGED["updated_at"],
                **MERGE,
            ),
        ),
        EventType(
            "channel.silent",
            "Nothing has come through a channel for longer than is usual for it; told once for each silence.",
            _event("channel.silent", _SILENCE),
            CHANNEL_SILENT,
        ),
    )


EVENT_TYPES: Final = MappingProxyType({event_type.type: event_type for event_type in _types()})
"""Every type of event the service writes, by name."""
