"""Standard Webhooks 1.0.0: ``{"type", "timestamp", "data"}``, signed. Source: standardwebhooks.com, api.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from service.outbound.formats.bodies import data_of, to_json
from service.outbound.formats.contract import Event, FormatSettings
from service.outbound.formats.outcomes import outcome_of
from service.outbound.signing import sign

__all__ = [
    "Settings",
    "body_of",
    "headers_of",
    "name",
    "outcome_of",
    "setup",
    "signature_of",
    "signed",
    "title",
    "types",
]

name: Final = "standard"
title: Final = "Standard Webhooks: the event as JSON, signed"
setup: Final = (
    "Verify deliveries with any Standard Webhooks library and the endpoint's secret; answer 2xx within 15 seconds."
)
signed: Final = True
types: Final = None


class Settings(FormatSettings):
    """Nothing can be set."""


def body_of(event: Event, _settings: Settings, /) -> bytes:
    """Return the body: type, time of what happened, and data with the lead's sequence number in it."""
    return to_json({"type": event["type"], "timestamp": event["timestamp"], "data": data_of(event)})


def headers_of(
    event: Event, _settings: Settings, /, *, body: bytes, secrets: Sequence[str], attempted_at: datetime
) -> dict[str, str]:
    """Return the headers with the signature of this try."""
    return {"content-type": "application/json", **signature_of(event, body, secrets=secrets, attempted_at=attempted_at)}


def signature_of(event: Event, body: bytes, /, *, secrets: Sequence[str], attempted_at: datetime) -> dict[str, str]:
    """Return the three headers of the standard; the id is the event's, the same over all tries."""
    identifier, timestamp = str(event["id"]), int(attempted_at.timestamp())
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, identifier, timestamp, body),
    }


def token_request(_settings: Settings, /) -> None:
    """Return None: deliveries are signed."""
