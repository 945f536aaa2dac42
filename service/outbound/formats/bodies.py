"""JSON as it is sent."""

from __future__ import annotations

from typing import Any, Final

import orjson

from service.outbound.formats.contract import Event

_JSON: Final = orjson.OPT_UTC_Z


def to_json(value: Any) -> bytes:
    """Return compact JSON; times in UTC, ids and decimals as text."""
    return orjson.dumps(value, default=str, option=_JSON)


def data_of(event: Event) -> dict[str, Any]:
    """Return what an event says, and its place among the events of its lead."""
    return {**event["data"], "sequence": event["sequence"]}
