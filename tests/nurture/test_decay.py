"""What points are worth as time passes, and when a score is to be told again: known answers, and what holds for any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.nurture.scoring.decay import Entry, bounded, lasting, next_change

DAY = timedelta(days=1)
THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(points: int, half_life_days: float | None = 30, *, ago: float = 0) -> Entry:
    at = THEN - ago * DAY
    return Entry(
        rule="opened",
        version=1,
        kind="engagement",
        points=points,
        half_life_days=half_life_days,
        activity_id=None,
        occurred_at=at,
        fades_at=at + lasting(points, half_life_days) if half_life_days else None,
    )


@pytest.mark.parametrize(
    ("points", "half_life", "days", "left"),
    [
        (10, 30, 0, 10),
        (10, 30, 2.2, 10),
        (10, 30, 2.3, 9),
        (10, 30, 30, 5),
        (10, 30, 60, 3),
        (10, 30, 90, 1),
        (100, 7, 14, 25),
        (-40, 10, 20, -10),
        (-1, 10, 9.9, -1),
        (-1, 10, 10.1, 0),
        (7, None, 9999, 7),
        (10, 30, 30 * 4.32, 1),
        (10, 30, 30 * 4.33, 0),
    ],
)
def test_half_of_the_points_are_left_after_each_half_life(
    points: int, half_life: float | None, days: float, left: int
) -> None:
    assert entry(points, half_life).worth(THEN + days * DAY) == left


def score_at(some: list[Entry], at: datetime, *, low: int | None, high: int | None) -> int:
    return bounded(sum(one.worth(at) for one in some), low, high)


def soon(some: list[Entry], **given: Any) -> datetime | None:
    return next_change(some, [one.worth(THEN) for one in some], THEN, **given)


entries = st.lists(
    st.builds(
        entry,
        st.integers(-1000, 1000).filter(bool),
        st.one_of(st.none(), st.floats(0.1, 3650)),
        ago=st.floats(0, 400),
    ),
    max_size=12,
)


@given(entries, st.floats(0, 1000))
def test_it_fades_when_it_says_so(some: list[Entry], days: float) -> None:
    for one in some:
        if one.fades_at is not None:
            assert one.worth(one.fades_at) == 0
            assert one.worth(one.fades_at - timedelta(seconds=1) - one.half_life_days * DAY / 1e6) != 0  # type: ignore[operator]
        assert abs(one.worth(THEN + days * DAY)) <= abs(one.points)


@given(entries)
def test_each_step_is_a_step_down_and_nothing_happens_before_it(some: list[Entry]) -> None:
    for one in some:
        step = one.next_step(THEN, one.worth(THEN))
        if step is None:
            assert one.worth(THEN) in {0, one.points}
            continue
        before, after = one.worth(THEN), one.worth(step + timedelta(microseconds=2))
        assert abs(after) == abs(before) - 1
        if step - THEN > timedelta(milliseconds=1):
            assert one.worth(step - timedelta(microseconds=500)) == before


@given(
    entries,
    st.sampled_from([(0, None), (None, None), (0, 100), (-10, 50)]),
    st.lists(st.integers(-100, 500), max_size=3),
    st.floats(0, 3),
)
def test_a_score_is_told_in_time(
    some: list[Entry], bounds: tuple[int | None, int | None], thresholds: list[int], moment: float
) -> None:
    low, high = bounds
    now = score_at(some, THEN, low=low, high=high)
    at = soon(some, low=low, high=high, thresholds=thresholds, patience=DAY)
    assert at is None or at > THEN
    instant = THEN + moment * DAY
    later = score_at(some, instant, low=low, high=high)
    if at is None or instant < at - timedelta(milliseconds=1):
        # Nobody is woken before: so no threshold was crossed, and what changed did not wait for longer than a day.
        assert all((now >= bound) == (later >= bound) for bound in thresholds)
        assert later == now or moment <= 1


def test_a_score_that_does_not_decay_is_never_told_again() -> None:
    some = [entry(5, None), entry(-3, None)]
    assert soon(some, low=0, high=None, thresholds=[4], patience=DAY) is None
    assert soon([], low=0, high=None, thresholds=[4], patience=DAY) is None


def test_a_threshold_does_not_wait() -> None:
    some = [entry(26, 1)]
    crossed = soon(some, low=0, high=None, thresholds=[25], patience=DAY)
    assert crossed is not None
    assert crossed - THEN < DAY / 10
    assert score_at(some, crossed, low=0, high=None) == 24
    assert soon(some, low=0, high=None, thresholds=[], patience=DAY) == THEN + DAY


@given(st.integers(), st.integers(-5, 5), st.integers(-5, 5))
def test_bounds(total: int, low: int, high: int) -> None:
    if low <= high:
        assert bounded(total, low, high) == max(low, min(high, total))
    assert bounded(total, None, None) == total
