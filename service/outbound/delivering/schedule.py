"""When a message is tried again (PURE): ten times within three days, the times a little scattered; then it is given up."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final

_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SCHEDULE: Final = (
    timedelta(0),
    5 * _SECOND,
    5 * _MINUTE,
    30 * _MINUTE,
    *(hours * _HOUR for hours in (2, 5, 10, 14, 20, 24)),
)
"""How long each of the tries comes after the one before it."""

JITTER: Final = 0.1
LONGEST_WAIT: Final = 24 * _HOUR
"""The most that an endpoint's own ``Retry-After`` is heeded."""


def wait_after(step: int, asked: float | None = None) -> timedelta | None:
    """Return how long to wait after so many tries that did not succeed, or None when that was the last one.

    ``asked`` are the seconds the endpoint wants to be left alone for: it is not tried before.
    """
    if step >= len(SCHEDULE):
        return None
    return max(SCHEDULE[step] * _scattered(), heeded(asked))


def heeded(asked: float | None) -> timedelta:
    """Return the pause an endpoint asked for, so far as it is heeded."""
    return min(timedelta(seconds=asked or 0.0), LONGEST_WAIT)


def _scattered() -> float:
    return random.uniform(1.0, 1.0 + JITTER)  # noqa: S311 - spreads the retries, no secret
