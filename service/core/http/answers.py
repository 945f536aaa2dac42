"""Answers that are rendered once, by us: for the hot paths, whose dictionaries need no second validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


def json_answer(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return ``content`` as JSON: times in UTC as RFC 3339 with ``Z``, anything JSON has no type for as its text."""
    return Response(_json(content), status, headers, "application/json")


def rendered(content: Any) -> orjson.Fragment:
    """Return ``content`` as `json_answer` takes it without rendering it again."""
    return orjson.Fragment(_json(content))


def _json(content: Any) -> bytes:
    return orjson.dumps(content, default=str, option=orjson.OPT_UTC_Z)
