"""Answers that are rendered once, by us: for the hot paths, whose dictionaries need no second validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is JSON already."""

    body: bytes


def json_answer(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return ``content`` as JSON (see `rendered`), which it may be already."""
    body = content.body if isinstance(content, Rendered) else rendered(content)
    return Response(body, status, headers, "application/json")


def rendered(content: Any) -> bytes:
    """Return ``content`` as JSON: times in UTC as RFC 3339 with ``Z``, anything JSON has no type for as its text."""
    return orjson.dumps(content, default=str, option=orjson.OPT_UTC_Z)
