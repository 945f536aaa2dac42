"""Working time: the laws of its arithmetic, against minutes counted one by one, over nights in which the clocks change, and in China."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.nurture.deadlines.calendars import ALWAYS, Calendar, Hours, NeverReached, joined
from service.nurture.deadlines.rules import WorkingCalendar

MINUTE = timedelta(minutes=1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Asia/Shanghai",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
)
# Around changes of the clocks in these zones, and a date that Samoa never had.
CHANGES = (
    datetime(2026, 3, 29, tzinfo=UTC),
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2026, 3, 8, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),
    datetime(2011, 12, 30, tzinfo=UTC),
)


def calendar(
    tz: str = "Europe/Berlin", hours: str = "09:00-17:00", days: str = "mon tue wed thu fri", **more: object
) -> Calendar:
    given = {"tz": tz, "hours": dict.fromkeys(days.split(), hours.split()), **more}
    return WorkingCalendar.model_validate(given).calendar


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours = st.integers(0, 24 * 4 - 1).flatmap(
        lambda begin: st.integers(1, 24 * 4).map(lambda length: Hours(begin * 15, (begin + length) * 15))
    )
    week = [draw(st.lists(hours, max_size=2)) for _ in range(7)]
    week[draw(st.integers(0, 6))] += [draw(hours)]
    near = [day.date() + timedelta(days=number) for day in CHANGES for number in range(-2, 3)]
    return Calendar(
        zone=ZoneInfo(draw(st.sampled_from(ZONES))),
        week=week,
        holidays=frozenset(draw(st.lists(st.sampled_from(near), max_size=4))),
        special={day: draw(st.lists(hours, max_size=1)) for day in draw(st.lists(st.sampled_from(near), max_size=2))},
    )


instants = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-3000, 3000)
)
spans = st.integers(0, 6000).map(lambda minutes: timedelta(minutes=minutes))


def counted(of: Calendar, start: datetime, end: datetime) -> timedelta:
    """Count the minutes in which the clocks, which never run backwards here, show a time of the hours of that day or the one before."""
    total, now = timedelta(), start - timedelta(days=1)
    shown = now.astimezone(of.zone).replace(tzinfo=None, fold=0)
    while now < end:
        shown = max(shown, now.astimezone(of.zone).replace(tzinfo=None, fold=0))
        minute = shown.hour * 60 + shown.minute
        today = any(begin <= minute < end for begin, end in of.hours_of(shown.date()))
        before = any(begin <= minute + 1440 < end for begin, end in of.hours_of(shown.date() - timedelta(days=1)))
        total += MINUTE if now >= start and (today or before) else timedelta()
        now += MINUTE
    return total


@settings(max_examples=60, deadline=None)
@given(calendars(), instants, st.integers(0, 4000))
def test_it_is_what_counting_minutes_gives(of: Calendar, start: datetime, minutes: int) -> None:
    end = start + timedelta(minutes=minutes)
    assert of.between(start, end) == counted(of, start, end)


@settings(max_examples=200, deadline=None)
@given(calendars(), instants, spans)
def test_what_was_added_lies_between(of: Calendar, start: datetime, span: timedelta) -> None:
    due = of.add(start, span)
    assert of.between(start, due) == span
    assert span == timedelta() or of.between(start, due - timedelta(microseconds=1)) < span


@settings(max_examples=200, deadline=None)
@given(calendars(), instants, spans, spans)
def test_adding_twice_is_adding_the_sum_and_more_is_never_earlier(
    of: Calendar, start: datetime, one: timedelta, other: timedelta
) -> None:
    assert of.add(of.add(start, one), other) == of.add(start, one + other)
    assert of.add(start, one) <= of.add(start, one + other)
    assert of.add(start, one) <= of.add(start + other, one)


@settings(max_examples=100, deadline=None)
@given(calendars(), st.lists(instants, min_size=3, max_size=3).map(sorted))
def test_parts_add_up(of: Calendar, cuts: list[datetime]) -> None:
    first, second, third = cuts
    assert of.between(first, second) + of.between(second, third) == of.between(first, third)


@settings(max_examples=50, deadline=None)
@given(calendars(), instants, st.integers(0, 1500), st.integers(0, 1440))
def test_the_short_way_over_long_times_is_the_long_way(of: Calendar, start: datetime, days: int, minutes: int) -> None:
    end = start + timedelta(days=days, minutes=minutes)
    step, total = start, timedelta()
    while step < end:
        following = min(step + timedelta(days=7), end)
        total += of.between(step, following)
        step = following
    assert of.between(start, end) == total
    assert of.add(start, total) <= end


def test_a_deadline_is_at_the_end_of_the_day_and_not_at_the_beginning_of_the_next() -> None:
    office = calendar()
    assert office.add(at("2026-11-20 16:00"), timedelta(hours=1)) == at("2026-11-20 17:00")
    assert office.add(at("2026-11-20 16:00"), timedelta(hours=1, minutes=1)) == at("2026-11-23 09:01")
    assert office.add(at("2026-11-21 03:00"), timedelta(hours=8)) == at("2026-11-23 17:00")


def test_a_night_in_which_the_clocks_change_is_longer_or_shorter() -> None:
    night = calendar(hours="22:00-06:00", days="mon tue wed thu fri sat sun")
    assert night.between(at("2026-03-27 12:00"), at("2026-03-28 12:00")) == timedelta(hours=8)
    assert night.between(at("2026-03-28 12:00"), at("2026-03-29 12:00")) == timedelta(hours=7)
    assert night.between(at("2026-10-24 12:00"), at("2026-10-25 12:00")) == timedelta(hours=9)
    assert night.add(at("2026-10-24 12:00"), timedelta(hours=9)) == at("2026-10-25 06:00")


def test_hours_that_begin_in_the_hour_that_is_not_there_begin_with_the_jump() -> None:
    early = calendar(hours="02:30-04:00", days="sun")
    assert early.between(at("2026-03-29 00:00"), at("2026-03-29 12:00")) == timedelta(hours=1)
    assert early.add(at("2026-03-29 00:00"), timedelta(minutes=1)) == datetime(2026, 3, 29, 1, 1, tzinfo=UTC)


def test_hours_that_are_there_twice_are_counted_twice() -> None:
    early = calendar(hours="02:00-03:00", days="sun")
    assert early.between(at("2026-10-25 00:00"), at("2026-10-25 12:00")) == timedelta(hours=2)


def test_a_day_that_never_was_has_no_hours() -> None:
    always = calendar("Pacific/Apia", "09:00-17:00", "mon tue wed thu fri sat sun")
    start, end = at("2011-12-29 12:00", "Pacific/Apia"), at("2011-12-31 12:00", "Pacific/Apia")
    assert end - start == timedelta(days=1)
    assert always.between(start, end) == timedelta(hours=8)


def test_in_china_a_holiday_is_made_up_for_on_a_weekend() -> None:
    """National Day 2026: off from 1 to 7 October; Sunday 20 September and Saturday 10 October are worked."""
    china = calendar(
        "Asia/Shanghai",
        "09:00-12:00 13:30-18:00",
        holidays=["2026-10-01/2026-10-07"],
        working_days={"2026-09-20": "wed", "2026-10-10": "thu"},
    )
    start = at("2026-09-30 17:00", "Asia/Shanghai")
    assert china.add(start, timedelta(hours=2)) == at("2026-10-08 10:00", "Asia/Shanghai")
    assert china.between(start, at("2026-10-12 09:00", "Asia/Shanghai")) == timedelta(hours=1 + 7.5 * 3)
    assert china.between(at("2026-09-19 00:00", "Asia/Shanghai"), at("2026-09-21 00:00", "Asia/Shanghai")) == timedelta(
        hours=7.5
    )


def test_holidays_come_every_year_and_a_special_day_comes_before_them() -> None:
    office = calendar(holidays=["12-25", "02-29"], working_days={"2026-12-25": ["09:00-10:00"], "2026-12-28": []})
    assert office.between(at("2025-12-25 00:00"), at("2025-12-26 00:00")) == timedelta()
    assert office.between(at("2026-12-25 00:00"), at("2026-12-26 00:00")) == timedelta(hours=1)
    assert office.between(at("2026-12-28 00:00"), at("2026-12-29 00:00")) == timedelta()
    assert office.between(at("2028-02-29 00:00"), at("2028-03-01 00:00")) == timedelta()


def test_a_holiday_begins_no_night_but_ends_the_one_before() -> None:
    night = calendar(hours="22:00-06:00", days="mon tue wed thu fri sat sun", holidays=["2026-11-18"])
    assert night.between(at("2026-11-17 12:00"), at("2026-11-18 12:00")) == timedelta(hours=8)
    assert night.between(at("2026-11-18 12:00"), at("2026-11-19 12:00")) == timedelta()


def test_hours_that_overlap_count_once() -> None:
    assert joined([Hours(540, 720), Hours(600, 780), Hours(780, 800), Hours(900, 960)]) == [
        Hours(540, 800),
        Hours(900, 960),
    ]
    shifts = calendar(hours="20:00-08:00 06:00-14:00", days="mon tue wed thu fri sat sun")
    assert shifts.between(at("2026-11-17 00:00"), at("2026-11-18 00:00")) == timedelta(hours=18)


def test_without_a_calendar_every_hour_counts() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert ALWAYS.add(start, timedelta(days=400)) == start + timedelta(days=400)
    assert ALWAYS.between(start, start + timedelta(days=400)) == timedelta(days=400)


def test_a_calendar_that_is_never_worked_in_again_says_so() -> None:
    every = [f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 32) if _is_day(month, day)]
    never = calendar(holidays=every)
    with pytest.raises(NeverReached):
        never.add(at("2026-01-01 00:00"), MINUTE)


def _is_day(month: int, day: int) -> bool:
    try:
        date(2000, month, day)
    except ValueError:
        return False
    return True
