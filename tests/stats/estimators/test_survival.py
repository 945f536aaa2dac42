"""Time to an event, held against published tables and against two libraries that others wrote."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

from service.stats.estimators.survival import CENSORED, Spans, aalen_johansen, coming, kaplan_meier, staying

# Freireich and others (1963), as Gehan (1965) tells it: weeks of remission under 6-MP, a plus for those still in remission.
SIX_MP = [
    "6",
    "6",
    "6",
    "6+",
    "7",
    "9+",
    "10",
    "10+",
    "11+",
    "13",
    "16",
    "17+",
    "19+",
    "20+",
    "22",
    "23",
    "25+",
    "32+",
    "32+",
    "34+",
    "35+",
]

samples = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=2, max_size=60)


def told(sample: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    durations, causes = zip(*sample, strict=True)
    # The other library knows no events at time 0.
    return np.array(durations, dtype=float) + 1, np.array(causes, dtype=np.int64)


def test_it_gives_the_published_table() -> None:
    weeks = np.array([float(word.rstrip("+")) for word in SIX_MP])
    relapsed = np.array([not word.endswith("+") for word in SIX_MP])
    curve = kaplan_meier(weeks, relapsed)
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {week: round(curve.at(week)[0], 3) for week in published} == published
    assert curve.reaches(0.5) == 23
    assert curve.reaches(0.75) is None
    assert curve.at(3)[0] == 1.0


def test_the_other_cause_is_no_censoring() -> None:
    causes = np.array([0, 1, 1, 2, 2, 0])
    curve = aalen_johansen(np.arange(1.0, 7.0), causes, 2)
    assert curve.at(4)[0] == pytest.approx(0.2)
    assert curve.at(5)[0] == pytest.approx(0.4)
    assert curve.reaches(0.4) == 5


@settings(max_examples=60, deadline=None)
@given(samples)
def test_kaplan_meier_agrees_with_scikit_survival(sample: list[tuple[int, int]]) -> None:
    durations, causes = told(sample)
    happened = causes > 0
    ours = kaplan_meier(durations, happened)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        times, survival, bounds = kaplan_meier_estimator(happened, durations, conf_type="log-log")
    assert ours.times == pytest.approx(times)
    assert ours.values == pytest.approx(survival)
    inside = (survival > 1e-9) & (survival < 1 - 1e-9) & np.isfinite(bounds[0])
    assert ours.low[inside] == pytest.approx(bounds[0][inside], abs=1e-9)
    assert ours.high[inside] == pytest.approx(bounds[1][inside], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(samples)
def test_aalen_johansen_agrees_with_scikit_survival(sample: list[tuple[int, int]]) -> None:
    durations, causes = told(sample)
    # The other library wants to see both causes.
    durations, causes = np.append(durations, [5.0, 7.0]), np.append(causes, [1, 2])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        times, incidence, bounds = cumulative_incidence_competing_risks(
            causes, durations, conf_type="log-log", var_type="Aalen"
        )
    for cause in (1, 2):
        ours = aalen_johansen(durations, causes, cause)
        assert ours.times == pytest.approx(times)
        assert ours.values == pytest.approx(incidence[cause])
        inside = (incidence[cause] > 1e-9) & (incidence[cause] < 1 - 1e-9) & np.isfinite(bounds[cause][0])
        assert ours.low[inside] == pytest.approx(bounds[cause][0][inside], abs=1e-7)
        assert ours.high[inside] == pytest.approx(bounds[cause][1][inside], abs=1e-7)


@settings(deadline=None)
@given(samples)
def test_everybody_is_somewhere(sample: list[tuple[int, int]]) -> None:
    durations, causes = told(sample)
    left = kaplan_meier(durations, causes > 0)
    gone = sum(aalen_johansen(durations, causes, cause).values for cause in (1, 2))
    assert left.values + gone == pytest.approx(np.ones(left.times.size))


@settings(deadline=None)
@given(samples)
def test_sorted_spans_tell_the_same(sample: list[tuple[int, int]]) -> None:
    durations, causes = told(sample)
    spans = Spans(tuple(np.sort(durations[causes == cause] * 4).astype(np.int64) for cause in range(3)), 4.0)
    for bare, whole, steps in (
        (coming(spans, 1), aalen_johansen(durations, causes, 1), coming(spans, 1, every=True)),
        (staying(spans), kaplan_meier(durations, causes > 0), staying(spans, every=True)),
    ):
        for name in ("times", "values", "at_risk", "variance", "low", "high"):
            assert getattr(steps, name) == pytest.approx(getattr(whole, name), nan_ok=True), name
        for at in np.arange(0.0, 15.0, 0.5):
            one, other = bare.at(at), whole.at(at)
            assert (
                (one is None)
                == (other is None)
                == (at > max(durations) and causes[durations == max(durations)].min() == CENSORED)
            )
            assert one is None or one == pytest.approx(other)
        assert [bare.reaches(share / 20) for share in range(1, 21)] == [
            whole.reaches(share / 20) for share in range(1, 21)
        ]
    assert len(spans) == len(sample)
    assert spans.ended_by(CENSORED) == int((causes == CENSORED).sum())


def test_without_anybody_there_is_no_curve() -> None:
    curve = kaplan_meier(np.array([]), np.array([], dtype=bool))
    assert curve.times.size == 0
    assert curve.reaches(0.5) is None
    assert curve.at(10) is None


def test_nothing_is_said_of_a_time_that_nobody_was_watched_as_long() -> None:
    open_until_ten = aalen_johansen(np.array([1.0, 2.0, 10.0]), np.array([1, 2, CENSORED]), 1)
    assert open_until_ten.at(10.0) is not None
    assert open_until_ten.at(10.1) is None
    # Where it is over for all, no time can change anything.
    over = aalen_johansen(np.array([1.0, 2.0, 10.0, 4.0]), np.array([1, 2, 2, CENSORED]), 1)
    later = over.at(1e9)
    assert later is not None
    assert (later.value, later.watched) == (0.25, 3)


def test_who_is_exactly_as_old_was_watched_as_long() -> None:
    day = 86_400_000_000
    for seconds in range(1, 6_000):
        spans = Spans(
            (np.array([seconds * 1_000_000] * 3), np.array([seconds * 1_000_000]), np.array([], np.int64)), day
        )
        found = coming(spans, 1).at(seconds / 86_400)
        assert found is not None
        assert (found.value, found.watched) == (0.25, 4), seconds


def test_none_yet_and_all_of_them_are_no_certainty() -> None:
    # Newcombe (1998), table I, method 3: none of twenty.
    none_yet = aalen_johansen(np.array([30.0] * 20 + [29.0]), np.array([CENSORED] * 21), 1).at(30.0)
    assert none_yet is not None
    assert (none_yet.value, none_yet.low, round(none_yet.high, 4), none_yet.watched) == (0.0, 0.0, 0.1611, 20)
    assert none_yet.variance > 0
    churned = aalen_johansen(np.array([3.0] * 20), np.array([2] * 20), 1).at(30.0)
    assert churned == none_yet
    every_one = aalen_johansen(np.array([3.0] * 20), np.array([1] * 20), 1).at(30.0)
    assert every_one is not None
    assert (every_one.value, round(every_one.low, 4), every_one.high) == (1.0, 0.8389, 1.0)


def test_many_small_shares_do_not_come_to_more_than_the_whole() -> None:
    # Four of five came after 1, 2, 3 and 5 hours, the last one was watched for 3 h 40 min.
    hours = np.array([1.0, 2.0, 3.0, 5.0, 3 + 40 / 60]) / 24
    for seed in range(200):
        chance = np.random.default_rng(seed)
        durations = hours if not seed else chance.exponential(1.0, 10)
        causes = np.where(np.arange(len(durations)) < len(durations) - 1, 1, CENSORED)
        found = aalen_johansen(durations, causes, 1).at(5 / 24 if not seed else float(durations.min()))
        assert found is not None
        assert aalen_johansen(durations, causes, 1).values.max() <= 1.0
        assert 0.0 <= found.low <= found.value <= found.high <= 1.0


@pytest.mark.parametrize("durations", [[-1.0, 2.0], [np.nan, 2.0], [np.inf, 2.0]])
def test_impossible_durations_are_refused(durations: list[float]) -> None:
    with pytest.raises(ValueError, match="not finite"):
        kaplan_meier(np.array(durations), np.array([True, False]))


def test_an_unknown_cause_is_refused() -> None:
    with pytest.raises(ValueError, match="cause"):
        aalen_johansen(np.array([1.0]), np.array([CENSORED - 1]), 1)
