"""Events of the service itself, which belong to no lead: a channel or an endpoint needs somebody's attention."""

from __future__ import annotations

from typing import Final

from service.outbound.catalogue.shapes import (
    ID,
    INSTANT,
    INTEGER,
    TEXT,
    EventType,
    object_,
    or_null,
    service_event,
)

_SILENCE: Final = object_(
    {
        "channel": object_({"key": TEXT, "vendor": TEXT, "name": or_null(TEXT)}),
        "silent_since": {**INSTANT, "description": "When its last delivery was received"},
        "longest_gap_seconds": {
            "type": "number",
            "description": "The longest it was silent before, among its last 500 deliveries within 30 days",
        },
        "refused": {
            "type": "object",
            "additionalProperties": INTEGER,
            "description": "What was refused since that day, by reason: it may be speaking and not be understood",
        },
    }
)

_ENDPOINT: Final = object_(
    {
        "id": ID,
        "host": {**TEXT, "description": "Host of its address; the rest of an address may be a secret"},
        "description": or_null(TEXT),
    }
)

_FAILURE: Final = object_(
    {
        "endpoint": _ENDPOINT,
        "event": object_({"id": ID, "type": TEXT, "lead_id": or_null(ID), "sequence": INTEGER}),
        "attempts": {**INTEGER, "description": "How often it was tried"},
        "last_attempt": object_(
            {
                "status": {
                    **or_null(INTEGER),
                    "description": "The HTTP status of the answer; null: there was no answer",
                },
                "error": {**or_null(TEXT), "description": "Why there was none"},
                "at": INSTANT,
            }
        ),
    }
)

_DISABLED: Final = object_(
    {
        "endpoint": _ENDPOINT,
        "reason": {
            **TEXT,
            "enum": ["gone", "failing", "misconfigured"],
            "description": "`gone`: it answered 410; `failing`: for five days nothing but failures; `misconfigured`: the segment it "
            "is filtered by is no more",
        },
        "since": {**INSTANT, "description": "When the first of the failures was that have not ended since"},
    }
)

_EXAMPLE_ENDPOINT: Final = {
    "id": "019a9c50-77e1-7b60-8f21-0d1e2f3a4b5c",
    "host": "hooks.crm.example",
    "description": "The CRM",
}

OPERATION_TYPES: Final[tuple[EventType, ...]] = (
    service_event(
        "channel.silent",
        "Nothing has come through a channel for longer than is usual for it; told once for each silence.",
        _SILENCE,
        event_id="019a9c72-9f10-7e41-b7a5-3c8d9e0f1a2b",
        at="2026-11-20T15:10:00.000000Z",
        example={
            "channel": {"key": "web", "vendor": "standard-webhooks", "name": "The contact form"},
            "silent_since": "2026-11-20T11:42:07.115000Z",
            "longest_gap_seconds": 57600.0,
            "refused": {"bad_signature": 14},
        },
    ),
    service_event(
        "delivery.failed",
        "An event could not be delivered to an endpoint, and will not be tried again by itself; it is kept for a replay.",
        _FAILURE,
        event_id="019aa1b0-4c2d-7f30-8a91-2b3c4d5e6f70",
        at="2026-11-22T14:02:19.530112Z",
        example={
            "endpoint": _EXAMPLE_ENDPOINT,
            "event": {
                "id": "019a9c64-7e20-7c15-b1d0-0c9e4a6b8d33",
                "type": "lead.stage_changed",
                "lead_id": "019a9c5e-51d0-7a61-9d3c-2b7f5e8a1c04",
                "sequence": 3,
            },
            "attempts": 10,
            "last_attempt": {"status": 500, "error": None, "at": "2026-11-22T14:02:19.101846Z"},
        },
    ),
    service_event(
        "endpoint.disabled",
        "An endpoint was switched off, because it is gone or has failed for too long.",
        _DISABLED,
        event_id="019ab0c4-9d3e-7041-9ba2-3c4d5e6f7081",
        at="2026-11-24T09:36:50.004311Z",
        example={
            "endpoint": _EXAMPLE_ENDPOINT,
            "reason": "failing",
            "since": "2026-11-19T09:36:45.870920Z",
        },
    ),
)
