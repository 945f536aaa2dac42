"""What the entries of a ledger of points are worth, when that changes, and what they add up to (PURE)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from math import exp2, floor, log2
from typing import Final, Literal
from uuid import UUID

_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
# So far ahead is looked for a change; where nothing but the bounds keep a score where it is, it is looked at again then.
_MOST_STEPS: Final = 2000

Identity = tuple[str, UUID | None, int, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
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

    def next_step(self, at: datetime) -> datetime | None:
        """Return the first instant after ``at`` at which it is worth less; None if that never comes."""
        if self.half_life_days is None or (left := abs(self.worth(at))) == 0:
            return None
        if left == 1:
            return self.fades_at
        age = self.half_life_days * log2(abs(self.points) / (left - 0.5))
        return max(self.occurred_at + age * _DAY + _TICK, at + _TICK)


def fades_at(points: int, half_life_days: float | None, occurred_at: datetime) -> datetime | None:
    """Return from when on points are worth nothing, which is when less than half a point is left; None: they never are."""
    if half_life_days is None or points == 0:
        return None
    return occurred_at + lasting(points, half_life_days) + _TICK


def lasting(points: int, half_life_days: float) -> timedelta:
    """Return how long points are worth anything."""
    return half_life_days * log2(2 * abs(points)) * _DAY


def bounded(total: int, low: int | None, high: int | None) -> int:
    """Return a sum of points within the bounds of the score."""
    if low is not None and total < low:
        return low
    return high if high is not None and total > high else total


def score_at(entries: Iterable[Entry], at: datetime, *, low: int | None, high: int | None) -> int:
    """Return the score at an instant: the sum of what the entries are worth then, within its bounds."""
    return bounded(sum(entry.worth(at) for entry in entries), low, high)


def next_change(
    entries: Sequence[Entry],
    at: datetime,
    *,
    low: int | None,
    high: int | None,
    thresholds: Collection[int],
    patience: timedelta,
) -> datetime | None:
    """Return when a score is to be told again if nothing happens: at its next change, or None if there is none.

    Changes within ``patience`` wait for its end, unless one carries the score across one of the ``thresholds``: from below to it or
    above, or from there to below it.
    """
    worth = [entry.worth(at) for entry in entries]
    total = sum(worth)
    now, late = bounded(total, low, high), at + patience
    steps = [(when, place) for place, entry in enumerate(entries) if (when := entry.next_step(at)) is not None]
    heapify(steps)
    when = at
    for _ in range(_MOST_STEPS):
        if not steps:
            return None
        when, place = heappop(steps)
        left = entries[place].worth(when)
        total, worth[place] = total + left - worth[place], left
        if (further := entries[place].next_step(when)) is not None:
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
