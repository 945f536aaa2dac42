"""A rate limit per key: the generic cell rate algorithm, one number a key, in this process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final
from uuid import UUID

WINDOW: Final = 60.0
_MOST_KEYS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still do: requests left at once, and seconds until another one (if none is left), or until all are back."""

    allowed: bool
    remaining: int
    seconds: int


class RateLimiter:
    """Counts requests per key; a whole minute's worth may come at once, then they trickle in evenly."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._interval = WINDOW / per_minute
        self._full_at: dict[UUID, float] = {}

    def take(self, key: UUID, instant: float) -> Allowance:
        """Count one request at an instant (seconds of a monotonic clock)."""
        full_at = max(self._full_at.get(key, instant), instant) + self._interval
        debt = full_at - instant
        if debt > WINDOW:
            return Allowance(allowed=False, remaining=0, seconds=math.ceil(debt - WINDOW))
        if key not in self._full_at and len(self._full_at) >= _MOST_KEYS:
            self._forget(instant)
        self._full_at[key] = full_at
        return Allowance(allowed=True, remaining=int((WINDOW - debt) / self._interval + 1e-6), seconds=math.ceil(debt))

    def _forget(self, instant: float) -> None:
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > instant}
