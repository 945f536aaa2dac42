"""Working time (PURE): which hours of which days count, by the clocks of one place, and how long it is from one instant to another.

A day's hours begin and end when the clocks first show that time; where they are put forward over it, that is the jump. So a night in which
they are put back has an hour more, one in which they are put forward an hour less, and nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import reduce
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from service.stats.calendars import first_instant

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NO_TIME: Final = timedelta()
_BLOCK: Final = 64
_LONGEST: Final = timedelta(days=36_525)


class Hours(NamedTuple):
    """Working hours of a day, in minutes since its midnight; an end after 24 h is in the next day. At most 24 h long."""

    begin: int
    end: int


class Span(NamedTuple):
    """From one instant until before another."""

    begin: datetime
    end: datetime


class NeverReached(Exception):
    """There is not so much working time in the hundred years to come."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working hours of a place. ``week`` has the hours of each weekday, Monday first.

    ``holidays`` and ``yearly`` (month and day) have none; ``special`` days have hours of their own, whatever else they are. What was
    worked out is kept.
    """

    zone: ZoneInfo
    week: Sequence[Sequence[Hours]]
    holidays: Collection[date] = frozenset()
    yearly: Collection[tuple[int, int]] = frozenset()
    special: Mapping[date, Sequence[Hours]] = field(default_factory=dict)
    _days: dict[int, tuple[Span, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _blocks: dict[int, timedelta] = field(default_factory=dict, init=False, repr=False, compare=False)

    def hours_of(self, day: date) -> Sequence[Hours]:
        """Return the hours that begin on a day."""
        if day in self.special:
            return self.special[day]
        if day in self.holidays or (day.month, day.day) in self.yearly:
            return ()
        return self.week[day.weekday()]

    def add(self, start: datetime, span: timedelta) -> datetime:
        """Return the first instant by which so much working time has passed since ``start``; raises `NeverReached`."""
        left = span
        if left <= _NO_TIME:
            return start
        day, first = self._around(start)
        last = day + _LONGEST.days
        while day <= last:
            if day % _BLOCK == 0 and day > first and (whole := self._block(day)) < left:
                left -= whole
                day += _BLOCK
                continue
            for begin, end in self._day(day):
                here = end - max(begin, start)
                if here >= left:
                    return max(begin, start) + left
                left -= max(here, _NO_TIME)
            day += 1
        raise NeverReached

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time from one instant to a later one; none if it is not later."""
        total = _NO_TIME
        if end <= start:
            return total
        day, first = self._around(start)
        last = end.astimezone(self.zone).toordinal() + 1
        while day <= last:
            # A day before the last but two is over for certain, whatever the clocks did meanwhile.
            if day % _BLOCK == 0 and first < day and day + _BLOCK < last - 2:
                total += self._block(day)
                day += _BLOCK
                continue
            for since, until in self._day(day):
                total += max(min(until, end) - max(since, start), _NO_TIME)
            day += 1
        return total

    def _around(self, at: datetime) -> tuple[int, int]:
        """Return the first day whose hours may not be over yet at an instant, and one by which none had begun."""
        today = at.astimezone(self.zone).toordinal()
        return max(today - 2, 1), today + 1

    def _block(self, number: int) -> timedelta:
        """Return the working time of as many days as make a block, this one first."""
        if number not in self._blocks:
            spans = (span for day in range(number, number + _BLOCK) for span in self._day(day))
            self._blocks[number] = reduce(lambda total, span: total + (span.end - span.begin), spans, _NO_TIME)
        return self._blocks[number]

    def _day(self, number: int) -> tuple[Span, ...]:
        """Return when the hours that begin on a day are, by its ordinal; without what the night before it had already."""
        if number not in self._days:
            day = date.fromordinal(number)
            before = self.hours_of(day - timedelta(days=1)) if number > 1 else ()
            begun = max((hours.end for hours in before), default=0) - _MINUTES
            self._days[number] = tuple(self._spans(day, joined(self.hours_of(day), since=max(begun, 0))))
        return self._days[number]

    def _spans(self, day: date, hours: Iterable[Hours]) -> Iterator[Span]:
        for begin, end in hours:
            span = Span(self._instant(day, begin), self._instant(day, end))
            if span.begin < span.end:
                yield span

    def _instant(self, day: date, minute: int) -> datetime:
        wall = datetime.combine(day, time()) + timedelta(minutes=minute)
        return first_instant(wall, self.zone)


_MINUTES: Final = 24 * 60


def joined(hours: Iterable[Hours], *, since: int = 0) -> list[Hours]:
    """Return hours in their order, those that touch or overlap as one, and nothing of what is before ``since``."""
    found: list[Hours] = []
    for begin, end in sorted(hours):
        here = Hours(max(begin, since), end)
        if here.begin >= here.end:
            continue
        if found and here.begin <= found[-1].end:
            found[-1] = Hours(found[-1].begin, max(found[-1].end, here.end))
        else:
            found.append(here)
    return found


ALWAYS: Final = Calendar(zone=ZoneInfo("UTC"), week=[[Hours(0, _MINUTES)]] * 7)
"""Every hour of every day: what is allowed without a calendar."""
