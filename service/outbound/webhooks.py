"""What the OpenAPI document says of deliveries: one webhook for each type of event, in the format of Standard Webhooks."""

from __future__ import annotations

from typing import Any, Final

from service.outbound.catalogue import EVENT_TYPES, EventType
from service.outbound.catalogue.shapes import INSTANT, INTEGER, LEAD, TRANSITION, Schema, object_
from service.outbound.schemas import SEQUENCE

# What many types of events are made of is said once.
_SHARED: Final = {"EventLead": LEAD, "EventTransition": TRANSITION}

_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "WebhookId": {
        "name": "webhook-id",
        "description": "The event's id, the same whenever it is tried: what came twice is known by it",
        "schema": {"type": "string", "format": "uuid"},
    },
    "WebhookTimestamp": {
        "name": "webhook-timestamp",
        "description": "Seconds since 1970 of this attempt; refuse what is older than five minutes",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WebhookSignature": {
        "name": "webhook-signature",
        "description": "`v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{raw body}`, the key being "
        "the base64-decoded part of the secret after `whsec_`. While a secret is rotated there are two, with a space between",
        "schema": {"type": "string"},
    },
}

_ANSWERS: Final = {
    "2XX": {
        "description": "Taken. Any other answer, a redirect included, is a failure, and the event is sent again later."
    },
    "410": {"description": "Gone: the endpoint is switched off."},
    "429": {"description": "Too much at once: less is sent, and not before `Retry-After`."},
}


def components() -> dict[str, dict[str, Any]]:
    """Return what the webhooks refer to."""
    headers = {name: {"in": "header", "required": True, **said} for name, said in _HEADERS.items()}
    return {"schemas": dict(_SHARED), "parameters": headers}


def webhooks() -> dict[str, Any]:
    """Return a path item for each type of event, by its name."""
    return {kind.type: {"post": _operation(kind)} for kind in EVENT_TYPES.values()}


def _operation(kind: EventType) -> dict[str, Any]:
    example = kind.example
    data = {**example["data"], "sequence": example["sequence"]}
    body = {
        "schema": _body(kind),
        "example": {"type": kind.type, "timestamp": example["timestamp"], "data": data},
    }
    return {
        "tags": ["webhooks"],
        "operationId": "on_" + kind.type.replace(".", "_"),
        "summary": kind.type,
        "description": kind.description,
        "security": [],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _HEADERS],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": _ANSWERS,
    }


def _body(kind: EventType) -> Schema:
    says: Schema = kind.schema["properties"]["data"]["properties"]
    required: list[str] = kind.schema["properties"]["data"]["required"]
    data = object_(
        {
            **{name: _referred(schema) for name, schema in says.items()},
            "sequence": {**INTEGER, "description": SEQUENCE},
        },
        optional=tuple(name for name in says if name not in required),
    )
    timestamp = {**INSTANT, "description": "When it happened"}
    return object_({"type": {"type": "string", "const": kind.type}, "timestamp": timestamp, "data": data})


def _referred(schema: Schema) -> Schema:
    shared = next((name for name, whole in _SHARED.items() if schema is whole), None)
    return {"$ref": f"#/components/schemas/{shared}"} if shared else schema
