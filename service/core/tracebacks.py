"""Tracebacks that can be logged: where it happened and what kind of error it was, but not what it says."""

from __future__ import annotations

import traceback
from typing import Any, Final, TextIO

_MOST_CAUSES: Final = 5


def discreet(exc_info: Any) -> str:
    """Return the traceback of an error and of what caused it, without messages: those of databases and parsers quote people's data."""
    error: BaseException | None = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    told: list[str] = []
    while error is not None and len(told) < _MOST_CAUSES:
        told.append("".join(traceback.format_tb(error.__traceback__)) + _kind(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n-- which led to --\n".join(reversed(told))


def write_discreet(out: TextIO, exc_info: Any) -> None:
    """Write the same for people to read."""
    out.write("\n" + discreet(exc_info))


def _kind(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None)
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}" + (f" (SQLSTATE {state})" if state else "")
