"""Calendar buckets in several zones, over their clock changes; and intervals cut into runs of the rollup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.stats.calendars import (
    Interval,
    Segment,
    boundaries,
    bucket_start,
    day_start,
    floor,
    is_aligned,
    runs_between,
    segments,
)
from service.stats.definitions import BEGINNING, END, SIZES

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Beirut",
    "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca", "America/St_Johns",
)  # fmt: skip

quarters = st.integers(0, 4 * 24 * 365 * 60).map(
    lambda count: datetime(1975, 1, 1, tzinfo=UTC) + count * timedelta(minutes=15)
)
instants = st.integers(0, 62 * 365 * 86_400_000_000).map(
    lambda microseconds: datetime(1975, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


def local(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat()


def cut(zone: str, interval: Interval, start: str, end: str) -> list[str]:
    edges = [datetime.fromisoformat(edge).replace(tzinfo=UTC) for edge in (start, end)]
    return [local(at, zone) for at in boundaries(edges[0], edges[1], interval=interval, zone=ZoneInfo(zone))]


def test_days_are_as_long_as_the_clock_makes_them() -> None:
    spring = list(boundaries(*_days("2026-03-28", "2026-03-31"), interval="day", zone=ZoneInfo("Europe/Berlin")))
    assert [later - earlier for earlier, later in pairwise(spring)] == [
        timedelta(hours=hours) for hours in (24, 23, 24)
    ]
    autumn = list(boundaries(*_days("2026-10-24", "2026-10-27"), interval="day", zone=ZoneInfo("Europe/Berlin")))
    assert [later - earlier for earlier, later in pairwise(autumn)] == [
        timedelta(hours=hours) for hours in (24, 25, 24)
    ]


def _days(first: str, last: str, zone: str = "Europe/Berlin") -> tuple[datetime, datetime]:
    return day_start(date.fromisoformat(first), ZoneInfo(zone)), day_start(date.fromisoformat(last), ZoneInfo(zone))


def test_a_day_without_midnight_starts_when_the_clock_jumps() -> None:
    assert local(day_start(date(2022, 3, 27), ZoneInfo("Asia/Beirut")), "Asia/Beirut") == "2022-03-27T01:00:00+03:00"
    assert (
        local(day_start(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo")), "America/Sao_Paulo")
        == "2018-11-04T01:00:00-02:00"
    )
    # The jump was at 23:30 the day before.
    assert (
        local(day_start(date(1919, 3, 31), ZoneInfo("America/Toronto")), "America/Toronto")
        == "1919-03-31T00:30:00-04:00"
    )


def test_a_day_the_zone_left_out_has_no_bucket() -> None:
    assert cut("Pacific/Apia", "day", "2011-12-29T10:00", "2011-12-31T10:00") == [
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
        "2012-01-01T00:00:00+14:00",
    ]


def test_weeks_start_on_monday_and_quarters_with_their_first_month() -> None:
    assert cut("UTC", "week", "2026-01-01", "2026-01-15") == [
        "2026-01-01T00:00:00+00:00",
        "2026-01-05T00:00:00+00:00",
        "2026-01-12T00:00:00+00:00",
        "2026-01-15T00:00:00+00:00",
    ]
    assert [edge[:10] for edge in cut("Asia/Shanghai", "quarter", "2025-11-30T16:00", "2026-08-01")] == [
        "2025-12-01", "2026-01-01", "2026-04-01", "2026-07-01", "2026-08-01",
    ]  # fmt: skip
    assert [edge[:10] for edge in cut("UTC", "year", "2023-05-05", "2026-01-01")] == [
        "2023-05-05",
        "2024-01-01",
        "2025-01-01",
        "2026-01-01",
    ]


def test_hours_follow_the_wall_even_where_it_is_moved_by_half_an_hour() -> None:
    assert [edge[11:16] for edge in cut("Australia/Lord_Howe", "hour", "2026-10-03T14:00", "2026-10-03T18:00")] == [
        "00:30", "01:00", "02:30", "03:00", "04:00", "05:00",
    ]  # fmt: skip
    assert [edge[11:16] for edge in cut("Asia/Kolkata", "hour", "2026-01-01T00:00", "2026-01-01T02:00")] == [
        "05:30",
        "06:00",
        "07:00",
        "07:30",
    ]


@given(instants, instants, st.sampled_from(ZONES), st.sampled_from(["day", "week", "month", "quarter", "year"]))
def test_buckets_cover_an_interval_and_start_where_their_days_start(
    one: datetime, other: datetime, zone: str, interval: Interval
) -> None:
    start, end = min(one, other), max(one, other)
    end = min(end, start + timedelta(days=900))
    if start == end:
        return
    there = ZoneInfo(zone)
    edges = list(boundaries(start, end, interval=interval, zone=there))
    assert (edges[0], edges[-1]) == (start, end)
    assert all(earlier < later for earlier, later in pairwise(edges))
    for edge in edges[1:-1]:
        assert bucket_start(edge, interval=interval, zone=there) == edge
        before = (edge - timedelta(microseconds=1)).astimezone(there)
        assert before.date() < edge.astimezone(there).date()
        assert bucket_start(before, interval=interval, zone=there) < edge


@given(instants, st.sampled_from(ZONES), st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]))
def test_an_instant_lies_in_the_bucket_it_is_said_to_lie_in(at: datetime, zone: str, interval: Interval) -> None:
    start = bucket_start(at, interval=interval, zone=ZoneInfo(zone))
    assert start <= at
    following = list(boundaries(start, at + timedelta(days=367), interval=interval, zone=ZoneInfo(zone)))[1]
    assert at < following


@settings(deadline=None)
@given(quarters, quarters)
def test_segments_add_up_to_an_interval_in_few_buckets(one: datetime, other: datetime) -> None:
    low, high = min(one, other), max(one, other)
    runs = segments(low, high)
    assert_cover(runs, low, high)
    assert len(runs) <= 9
    # There is no more to read than if nothing were taken away, of whatever buckets there is room for.
    for largest in range(len(SIZES)):
        assert rows_in(runs) <= rows_in(added_up(low, high, largest))


ROWS = {0: 1, 1: 30, 4: 40, 2: 45, 3: 45}


def rows_in(runs: Sequence[Segment]) -> int:
    """How much there is to read, in quarter hours: bucket by bucket."""
    return sum(ROWS[run.grain] * buckets(run) for run in runs)


def buckets(run: Segment) -> int:
    span = run.high - run.low
    if run.grain == 0:
        return span // timedelta(minutes=15)
    days = [run.low + timedelta(days=day) for day in range(span.days)]
    return sum(floor(day, run.grain) == day for day in days)


def added_up(low: datetime, high: datetime, size: int) -> list[Segment]:
    """An interval as whole buckets of a size in the middle, and of smaller ones at both ends."""
    if low >= high:
        return []
    grain = SIZES[size]
    first, last = floor(low, grain), floor(high, grain)
    step = timedelta(days=1) if grain else timedelta(minutes=15)
    while first < low or floor(first, grain) != first:
        first += step
    if first >= last:
        return added_up(low, high, size - 1) if size else [Segment(0, low, high)]
    return [*added_up(low, first, size - 1), Segment(grain, first, last), *added_up(last, high, size - 1)]


def test_what_is_nearly_a_month_is_a_month_less_a_day() -> None:
    at = [datetime(2026, *day, tzinfo=UTC) for day in ((8, 1), (8, 2), (9, 1))]
    assert segments(at[1], at[2]) == ((1, at[0], at[1], -1), (2, at[0], at[2], 1))
    assert segments(at[0], at[1]) == ((1, at[0], at[1], 1),)
    middle = [datetime(2026, 8, day, tzinfo=UTC) for day in (15, 18)]
    assert segments(*middle) == ((1, *middle, 1),)


def test_days_that_are_no_month_are_mostly_octads() -> None:
    low, first, last, high = (datetime(2026, 8, day, tzinfo=UTC) for day in (2, 1, 17, 18))
    assert segments(low, high) == ((1, first, low, -1), (4, first, last, 1), (1, last, high, 1))
    # From the second to the 25th it is less to take the last octad away.
    low, first, last, high = (datetime(2026, *day, tzinfo=UTC) for day in ((8, 2), (8, 1), (9, 1), (8, 25)))
    assert segments(low, high) == ((1, first, low, -1), (2, first, last, 1), (4, high, last, -1))
    low, first, last, high = (datetime(2026, *day, tzinfo=UTC) for day in ((2, 15), (2, 17), (3, 9), (3, 10)))
    middle = datetime(2026, 3, 1, tzinfo=UTC)
    assert segments(low, high) == ((1, low, first, 1), (4, first, last, 1), (1, last, high, 1))
    # The last one of a month is as long as the month leaves it.
    assert [floor(middle - timedelta(days=days), 4).day for days in (1, 4, 5, 12)] == [25, 25, 17, 17]


def assert_cover(runs: Sequence[Segment], low: datetime, high: datetime) -> None:
    """Assert that whole buckets, some of them taken away, are an interval: each instant of it once, and no other."""
    changes: Counter[datetime] = Counter()
    for run in runs:
        assert run.low < run.high
        assert floor(run.low, run.grain) == run.low
        assert floor(run.high, run.grain) == run.high
        changes[run.low] += run.sign
        changes[run.high] -= run.sign
    assert {at: change for at, change in changes.items() if change} == ({low: 1, high: -1} if low < high else {})


@given(quarters, st.sampled_from(ZONES), st.sampled_from(["day", "week", "month"]))
def test_each_calendar_bucket_has_its_runs(start: datetime, zone: str, interval: Interval) -> None:
    bounds = list(boundaries(start, start + timedelta(days=70), interval=interval, zone=ZoneInfo(zone)))
    assert is_aligned(*bounds)
    held: dict[int, list[Segment]] = {number: [] for number in range(len(bounds) - 1)}
    for run, bucket in runs_between(bounds, first=0):
        if bucket is not None:
            held[bucket].append(run)
            continue
        # What is told no bucket counts in the one it starts in, rollup bucket by rollup bucket.
        assert run.sign == 1
        for number, (low, high) in enumerate(pairwise(bounds)):
            if (inside := run._replace(low=max(low, run.low), high=min(high, run.high))) and inside.low < inside.high:
                held[number].append(inside)
    for number, (low, high) in enumerate(pairwise(bounds)):
        assert_cover(held[number], low, high)


def test_no_bounds_at_all_is_one_run_of_years() -> None:
    assert segments(BEGINNING, END) == ((3, BEGINNING, END, 1),)
    assert segments(END, BEGINNING) == ()


@pytest.mark.parametrize("minute", [0, 15, 30, 45])
def test_only_quarter_hours_are_aligned(minute: int) -> None:
    at = datetime(2026, 1, 1, 5, minute, tzinfo=UTC)
    assert is_aligned(at)
    assert not is_aligned(at, at + timedelta(microseconds=1))
