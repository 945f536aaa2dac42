"""What events are made of, as JSON Schema: the lead, the transition, and the envelope around both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from service.lifecycle.machine import Event
from service.lifecycle.stages import Stage
from service.outbound.schemas import SEQUENCE

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event: its name, what it means, the JSON Schema of the whole event, and an example of it."""

    type: str
    description: str
    schema: Schema
    example: dict[str, Any]


def or_null(schema: Schema) -> Schema:
    """Return a schema that allows null as well."""
    return {**schema, "type": [schema["type"], "null"]}


TEXT: Final[Schema] = {"type": "string"}
INTEGER: Final[Schema] = {"type": "integer"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
OBJECT: Final[Schema] = {"type": "object"}
ID: Final[Schema] = {"type": "string", "format": "uuid"}
INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
MONEY: Final[Schema] = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}
STAGE: Final[Schema] = {"type": "string", "enum": [str(stage) for stage in Stage]}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
TEXT_MAP: Final[Schema] = {"type": "object", "additionalProperties": TEXT}


def object_(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """Return the schema of an object; fields may be added to it at any time, and none of these will go."""
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def optional_texts(*names: str) -> dict[str, Schema]:
    """Return properties that are a text or null."""
    return {name: or_null(TEXT) for name in names}


COMPANY: Final = object_(optional_texts("name", "domain", "industry", "size", "country", "region"))

LEAD: Final = object_(
    {
        "id": ID,
        "stage": STAGE,
        "furthest_stage": STAGE,
        "stage_entered_at": INSTANT,
        "journey": INTEGER,
        "version": INTEGER,
        **optional_texts("email", "phone", "full_name", "first_name", "last_name", "job_title"),
        "company": COMPANY,
        **optional_texts("channel", "campaign"),
        "utm": TEXT_MAP,
        "external_ids": TEXT_MAP,
        "score": INTEGER,
        "owner": or_null(TEXT),
        "amount": or_null(MONEY),
        "currency": or_null(TEXT),
        "tags": TEXTS,
        "attributes": OBJECT,
        "consent": OBJECT,
        "referred_by": or_null(TEXT),
        "verdict": {"type": "string", "enum": ["valid", "suspect", "invalid"]},
        "verdict_reasons": TEXTS,
        "raw": OBJECT,
        "test": BOOLEAN,
        "created_at": INSTANT,
        "updated_at": INSTANT,
        "acquired_at": INSTANT,
        "last_activity_at": or_null(INSTANT),
        "due_at": or_null(INSTANT),
        "erased_at": or_null(INSTANT),
        "merged_into": or_null(ID),
        "can_contact": object_({"email": BOOLEAN, "phone": BOOLEAN, "purposes": OBJECT}),
    }
)

TRANSITION: Final = object_(
    {
        "id": ID,
        "lead_id": ID,
        "sequence": INTEGER,
        "journey": INTEGER,
        "event": {"type": "string", "enum": [str(event) for event in Event]},
        "from_stage": {"enum": [*STAGE["enum"], None]},
        "to_stage": STAGE,
        "skipped": {"type": "array", "items": STAGE},
        **optional_texts("reason", "category", "note"),
        "amount": or_null(MONEY),
        "currency": or_null(TEXT),
        "actor": TEXT,
        "occurred_at": INSTANT,
        "recorded_at": INSTANT,
        "correction_id": or_null(ID),
        "superseded_at": or_null(INSTANT),
        "origin": {**or_null(ID), "description": "The lead that brought it when it was merged into this one"},
    }
)


def lead_event(
    type_: str,
    description: str,
    says: dict[str, Schema],
    *,
    optional: tuple[str, ...] = (),
    lead: dict[str, Any],
    event_id: str,
    at: tuple[str, str] | None = None,
    **data: Any,
) -> EventType:
    """Return a type of event that belongs to a lead.

    ``says`` is what its data has besides the lead. The rest is the example: the lead after it, when it happened and when that was written
    down (absent: when the lead was last changed), and the data.
    """
    timestamp, recorded_at = at or (lead["updated_at"], lead["updated_at"])
    example = {
        "id": event_id,
        "type": type_,
        "timestamp": timestamp,
        "recorded_at": recorded_at,
        "lead_id": lead["id"],
        "sequence": lead["version"],
        "data": {"lead": lead, **data},
    }
    return EventType(type_, description, _event(type_, object_({"lead": LEAD, **says}, optional=optional)), example)


def service_event(type_: str, description: str, data: Schema, *, event_id: str, at: str, example: Any) -> EventType:
    """Return a type of event that belongs to no lead, with the data of an example."""
    whole = {
        "id": event_id,
        "type": type_,
        "timestamp": at,
        "recorded_at": at,
        "lead_id": None,
        "sequence": 0,
        "data": example,
    }
    return EventType(type_, description, _event(type_, data), whole)


def _event(type_: str, data: Schema) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": type_,
        **object_(
            {
                "id": ID,
                "type": {"const": type_},
                "timestamp": {**INSTANT, "description": "When it happened"},
                "recorded_at": {**INSTANT, "description": "When the service wrote it down"},
                "lead_id": or_null(ID),
                "sequence": {**INTEGER, "description": SEQUENCE},
                "data": data,
            }
        ),
    }
