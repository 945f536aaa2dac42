"""CloudEvents 1.0.2 over HTTP in binary mode: what the event is in headers, its data as the body, signed like Standard Webhooks.

``ce-subject`` is the lead; ``ce-sequence`` is the extension of that name, counted for each subject and padded so that it sorts as text.
Source: cloudevents.io, core specification, HTTP binding 3.1 and 3.1.3.2, extension *sequence*.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import Field

from service.outbound.formats.bodies import data_of, to_json
from service.outbound.formats.contract import Event, FormatSettings
from service.outbound.formats.outcomes import outcome_of
from service.outbound.formats.standard import signature_of

__all__ = [
    "Settings",
    "body_of",
    "headers_of",
    "name",
    "outcome_of",
    "setup",
    "signed",
    "title",
    "token_request",
    "types",
]

name: Final = "cloudevents"
title: Final = "CloudEvents 1.0 over HTTP, binary mode, signed"
setup: Final = "As for standard; what the event is stands in the headers ce-…, and the body is its data."
signed: Final = True
types: Final = None

# Printable ASCII may stand in a header as it is, but for these (HTTP binding 3.1.3.2).
_UNESCAPED: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_DIGITS: Final = 10


class Settings(FormatSettings):
    """What can be set for an endpoint of this format."""

    source: Annotated[
        str,
        Field(
            min_length=1,
            max_length=300,
            pattern=r"^[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+$",
            description="`ce-source`, a URI reference that tells this installation from others.",
        ),
    ] = "urn:lead-lifecycle"
    type_prefix: Annotated[
        str,
        Field(
            max_length=100,
            pattern=r"^([A-Za-z0-9-]+\.)*$",
            description="Put before the event's type in `ce-type`, such as `com.example.`",
        ),
    ] = ""


def body_of(event: Event, _settings: Settings, /) -> bytes:
    """Return the data of the event with the lead's sequence number in it."""
    return to_json(data_of(event))


def headers_of(
    event: Event, settings: Settings, /, *, body: bytes, secrets: Sequence[str], attempted_at: datetime
) -> dict[str, str]:
    """Return the attributes of the event, and the signature of this try."""
    attributes = {
        "ce-specversion": "1.0",
        "ce-id": str(event["id"]),
        "ce-source": settings.source,
        "ce-type": settings.type_prefix + event["type"],
        "ce-time": _instant(event["timestamp"]),
        "ce-sequence": f"{event['sequence']:0{_DIGITS}d}",
    }
    if event["lead_id"] is not None:
        attributes["ce-subject"] = str(event["lead_id"])
    return {
        "content-type": "application/json",
        **{key: quote(value, safe=_UNESCAPED) for key, value in attributes.items()},
        **signature_of(event, body, secrets=secrets, attempted_at=attempted_at),
    }


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def token_request(_settings: Settings, /) -> None:
    """Return None: deliveries are signed."""
