"""Reading the answers of advertisers: of a long one only the beginning is there, so that it need not be whole JSON."""

from __future__ import annotations

import re
from typing import Any

import orjson

from service.outbound.sending.answers import Answer


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer, or nothing."""
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def number(answer: Answer, name: str) -> int | None:
    """Return the first number under a name, wherever it stands."""
    found = re.search(rb'"%b"\s*:\s*(-?\d{1,15})' % name.encode(), answer.body)
    return int(found[1]) if found else None
