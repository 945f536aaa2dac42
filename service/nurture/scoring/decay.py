"""What the entries of a ledger of points are worth, when that changes, and what they add up to (PURE)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from math import exp2, floor, log2
from typing import Final, Literal, NamedTuple
from uuid import UUID

_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
# So far ahead is looked for a change; where nothing but the bounds keep a score where it is, it is looked at again then.
_MOST_STEPS: Final = 2000

Identity = tuple[str, UUID | None, int, float | None]


class Entry(NamedTuple):
    """A time that a rule fired: ``points`` then, of which half are left after each half-life; None: all of them, for good.

    ``fades_at`` is from when on it is worth nothing.
    """

    rule: str
    version: int
    kind: Literal["fit", "engagement"]
    points: int
    half_life_days: float | None
    activity_id: UUID | None
    occurred_at: datetime
    fades_at: datetime | None

    @property
    def identity(self) -> Identity:
        """Return what makes it the same entry under another version of the rules."""
        return self.rule, self.activity_id, self.points, self.half_life_days

    def worth(self, at: datetime) -> int:
        """Return what it is worth at an instant: a whole number, to the nearest, halves away from zero."""
        if self.half_life_days is None:
            return self.points
        if self.fades_at is not None and at >= self.fades_at:
            return 0
        age = max((at - self.occurred_at) / _DAY, 0.0)
        left = floor(abs(self.points) * exp2(-age / self.half_life_days) + 0.5)
        return left if self.points > 0 else -left

    def next_step(self, at: datetime, worth: int) -> datetime | None:
        """Return the first instant after ``at``, when it has this worth, at which it is worth less; None if that never comes."""
        if self.half_life_days is None or worth == 0:
            return None
        left = abs(worth)
        if left == 1:
            return self.fades_at
        age = self.half_life_days * log2(abs(self.points) / (left - 0.5))
        return max(self.occurred_at + age * _DAY + _TICK, at + _TICK)


def lasting(points: int, half_life_days: float) -> timedelta:
    """Return how long points are worth anything, which is until less than half a point is left."""
    return half_life_days * log2(2 * abs(points)) * _DAY + _TICK


def bounded(total: int, low: int | None, high: int | None) -> int:
    """Return a sum of points within the bounds of the score."""
    if low is not None and total < low:
        return low
    return high if high is not None and total > high else total


def next_change(
    entries: Sequence[Entry],
    worth: Sequence[int],
    at: datetime,
    *,
    low: int | None,
    high: int | None,
    thresholds: Collection[int],
    patience: timedelta,
) -> datetime | None:
    """Return when the score of entries, which have this worth, is to be told again if nothing happens: None if it never changes.

    Changes within ``patience`` wait for its end, unless one carries the score across one of the ``thresholds``: from below to it or
    above, or from there to below it.
    """
    left = list(worth)
    total = sum(left)
    now, late = bounded(total, low, high), at + patience
    steps = [(when, place) for place, entry in enumerate(entries) if (when := entry.next_step(at, left[place]))]
    heapify(steps)
    when = at
    for _ in range(_MOST_STEPS):
        if not steps:
            return None
        when, place = heappop(steps)
        less = entries[place].worth(when)
        total, left[place] = total + less - left[place], less
        if further := entries[place].next_step(when, less):
            heappush(steps, (further, place))
        if steps and steps[0][0] == when:
            continue
        score = bounded(total, low, high)
        if score != now:
            if when >= late or any((now >= bound) != (score >= bound) for bound in thresholds):
                return when
            if not steps or steps[0][0] >= late:
                return late
    return when
