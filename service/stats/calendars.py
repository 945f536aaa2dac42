"""Calendars (PURE): where days, ISO weeks, months … of a time zone begin, and how an interval is cut into buckets of the rollup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from service.stats.definitions import OCTAD, QUARTER_HOUR, SIZES, quarter

Interval = Literal["hour", "day", "week", "month", "quarter", "year"]

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant, UTC, of a calendar day: usually midnight; what comes after, where the clock jumps over midnight."""
    return first_instant(datetime.combine(day, time()), zone)


def first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant, UTC, at which the clocks of a zone show this time (without a zone), or a later one if they jump over it."""
    before, after = (wall.replace(fold=fold, tzinfo=zone).astimezone(UTC) for fold in (0, 1))
    if before <= after:
        # Once, or twice (the clock goes back over it): the first.
        return before
    # The clock jumps over it, somewhere between the two readings: then it is the jump. Jumps are on whole seconds.
    offset = before.astimezone(zone).utcoffset()
    early, late = after, before
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early).total_seconds() // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return early if early.astimezone(zone).utcoffset() == offset else late


def _first_day(day: date, interval: Interval) -> date:
    match interval:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


_LONGEST: Final = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


def boundaries(start: datetime, end: datetime, *, interval: Interval, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the instants, UTC and ascending, at which a half-open interval is cut into calendar buckets: start, …, end.

    The first and the last bucket may be cut short by the interval itself. A day that the zone never had (Samoa left one out) has no bucket.
    """
    at = start.astimezone(UTC)
    while at < end:
        yield at
        at = _next(at, interval, zone)
    yield end.astimezone(UTC)


def _next(at: datetime, interval: Interval, zone: ZoneInfo) -> datetime:
    local = at.astimezone(zone)
    if interval == "hour":
        # By the clock on the wall; where it is moved by half an hour, the hour it is moved in ends with the move.
        return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond) + HOUR
    first = _first_day(local.date(), interval)
    following = _first_day(first + timedelta(days=_LONGEST[interval]), interval)
    starts = day_start(following, zone)
    while starts <= at:  # a day without any instant
        following += DAY
        starts = day_start(_first_day(following, interval), zone)
    return starts


def bucket_start(at: datetime, *, interval: Interval, zone: ZoneInfo) -> datetime:
    """Return the first instant, UTC, of the calendar bucket that an instant lies in."""
    local = at.astimezone(zone)
    if interval == "hour":
        return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return day_start(_first_day(local.date(), interval), zone)


class Segment(NamedTuple):
    """A run of rollup buckets: all of one grain whose start lies in ``[low, high)``, to be added or (``sign`` -1) taken away again."""

    grain: int
    low: datetime
    high: datetime
    sign: int = 1


class Run(NamedTuple):
    """Buckets of the rollup, and which bucket of a question they count in; None: the one that each of them starts in."""

    segment: Segment
    bucket: int | None


def is_aligned(*bounds: datetime) -> bool:
    """Say whether the rollup can be cut at these instants: all on a quarter hour, UTC."""
    return all(quarter(bound) == bound for bound in bounds)


def floor(at: datetime, grain: int) -> datetime:
    """Return the start of the bucket of a grain that an instant lies in."""
    at = quarter(at)
    if grain == 0:
        return at
    at = at.replace(hour=0, minute=0)
    if grain == 1:
        return at
    if grain == 4:
        return at.replace(day=at.day - (at.day - 1) % OCTAD)
    return at.replace(day=1) if grain == 2 else at.replace(month=1, day=1)


def _ceiling(at: datetime, grain: int) -> datetime:
    start = floor(at, grain)
    if start == at:
        return start
    return (
        floor(start + timedelta(days=(0, 1, 31, 366, OCTAD)[grain]), grain) if grain else start + timedelta(minutes=15)
    )


# How many rows there are to read in a bucket of each grain, about, for each in a quarter hour. All the groups and cells that there are stand in
# a month as in a year, and nearly all in an octad.
_ROWS: Final = {0: 1, 1: 30, 4: 40, 2: 45, 3: 45}
# In what is shorter than half of the shortest bucket it is never less to take away.
_SHORTEST: Final = {1: DAY, 4: DAY * 4, 2: DAY * 28, 3: DAY * 365}
_OCTADS: Final = 4


def _buckets(grain: int, low: datetime, high: datetime) -> int:
    """Return how many buckets of a grain there are between two starts of one."""
    if grain in (0, 1):
        return (high - low) // (DAY if grain else QUARTER_HOUR)
    if grain == 3:
        return high.year - low.year
    months = (high.year - low.year) * 12 + high.month - low.month
    return months if grain == 2 else months * _OCTADS + high.day // OCTAD - low.day // OCTAD


class _Cut(NamedTuple):
    """Runs of buckets, and how much there is to read in them, in quarter hours."""

    rows: int
    runs: tuple[Segment, ...]

    @classmethod
    def of(cls, grain: int, low: datetime, high: datetime) -> _Cut:
        """Return a single run."""
        return cls(_ROWS[grain] * _buckets(grain, low, high), (Segment(grain, low, high),))

    def backwards(self) -> _Cut:
        """Return what leads back: what was to be added is to be taken away, and the other way round."""
        return _Cut(self.rows, tuple(run._replace(sign=-run.sign) for run in self.runs))


_NOTHING: Final = _Cut(0, ())


# The same months are asked for again and again. Their parts, of which some occur several times in each, would drive them out.
@lru_cache(maxsize=16_384)
def segments(low: datetime, high: datetime) -> tuple[Segment, ...]:
    """Return runs of rollup buckets whose sum is ``[low, high)`` exactly, with as little to read as can be.

    Counters can be taken away again: all of August but its first day is a month less a day, and not thirty days. The bounds must be
    quarter hours (`is_aligned`).
    """
    return _cut(low, high, len(SIZES) - 1).runs


@lru_cache(maxsize=1_024)
def _cut(low: datetime, high: datetime, size: int) -> _Cut:
    """Return the best cut with buckets up to a size, which is its place in `SIZES`."""
    span = high - low
    while size and span < _SHORTEST[SIZES[size]] / 2:
        size -= 1
    grain = SIZES[size]
    if low >= high or grain == 0:
        return _Cut.of(grain, low, high) if low < high else _NOTHING
    finer = _cut(low, high, size - 1)
    # To begin with the bucket that the start lies in is to take away what is before, and one more bucket to read; so with the end.
    first, into = min(_ways(low, grain, size - 1), key=lambda way: way[1].rows + (_ROWS[grain] if way[0] < low else 0))
    last, out = min(_ways(high, grain, size - 1), key=lambda way: way[1].rows + (_ROWS[grain] if way[0] > high else 0))
    if first >= last:
        return finer
    middle = _Cut.of(grain, first, last)
    rows = into.rows + middle.rows + out.rows
    if finer.rows <= rows:
        return finer
    return _Cut(rows, (*into.runs, *middle.runs, *out.backwards().runs))


def _ways(at: datetime, grain: int, size: int) -> tuple[tuple[datetime, _Cut], ...]:
    """Return where buckets of a grain begin around an instant, each with what leads there in buckets up to a smaller size."""
    before, after = floor(at, grain), _ceiling(at, grain)
    if before == after:
        return ((at, _NOTHING),)
    return (before, _cut(before, at, size).backwards()), (after, _cut(at, after, size))


def runs_between(bounds: Iterable[datetime], *, first: int = 1) -> list[Run]:
    """Return the runs of rollup buckets of all the buckets between ascending bounds, which are numbered from ``first``.

    Runs of one grain that meet are one, unless they reach over their bucket's bounds: then the bucket must be told them.
    """
    runs: list[Run] = []
    at: dict[int, int] = {}
    for number, (low, high) in enumerate(pairwise(bounds), first):
        for run in segments(low, high):
            if run.sign < 0 or run.low < low or run.high > high:
                runs.append(Run(run, number))
                continue
            place = at.get(run.grain)
            if place is not None and (held := runs[place].segment).high == run.low:
                runs[place] = Run(held._replace(high=run.high), None)
            else:
                at[run.grain] = len(runs)
                runs.append(Run(run, None))
    return runs
