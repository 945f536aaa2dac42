from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact, norm
from sklearn.metrics import brier_score_loss, roc_auc_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from service.stats.estimators.judging import (
    area_under_curve,
    brier_score,
    calibration,
    counts_differ,
    holm,
    means_differ,
    rate_ratio,
    share_difference,
    shares_differ,
    split_differs,
    sums_differ,
    two_shares,
)

told = st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=4, max_size=50)


def test_brier_gives_the_published_score() -> None:
    assert brier_score(np.array([0.0, 1, 1, 0]), np.array([0.1, 0.9, 0.8, 0.3])) == pytest.approx(0.0375)
    assert brier_score(np.array([]), np.array([])) is None


@settings(deadline=None, max_examples=50)
@given(told)
def test_scores_agree_with_scikit_learn(sample: list[tuple[bool, int]]) -> None:
    happened = np.array([float(one) for one, _ in sample])
    scores = np.array([score / 10 for _, score in sample])
    assert brier_score(happened, scores) == pytest.approx(brier_score_loss(happened, scores, labels=[0, 1]))
    if 0 < happened.sum() < happened.size:
        assert area_under_curve(happened, scores) == pytest.approx(roc_auc_score(happened, scores))
    else:
        assert area_under_curve(happened, scores) is None
    table = calibration(happened, scores)
    assert sum(one.count for one in table) == len(sample)
    assert sum(one.came_true for one in table) == happened.sum()


shares = st.integers(1, 200).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@settings(deadline=None, max_examples=50)
@given(shares, shares)
def test_differences_agree_with_statsmodels(one: tuple[int, int], other: tuple[int, int]) -> None:
    found = share_difference(one, other)
    assert found is not None
    assert found[1:] == pytest.approx(confint_proportions_2indep(*one, *other, method="newcomb"), abs=1e-9)
    pooled = one[0] + other[0]
    if 0 < pooled < one[1] + other[1]:
        _, p = proportions_ztest([one[0], other[0]], [one[1], other[1]])
        assert two_shares(one, other) == pytest.approx(p)
    else:
        assert two_shares(one, other) == 1.0


@pytest.fixture(autouse=True, scope="module")
def without_collecting() -> Iterator[None]:
    """Keep statsmodels from collecting garbage whenever it is called, which takes seconds in a process that has run a thousand tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_correction_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


samples = st.lists(st.integers(0, 12), min_size=2, max_size=40)


@settings(deadline=None, max_examples=50)
@given(samples, samples)
def test_means_are_compared_as_statsmodels_does(one: list[int], other: list[int]) -> None:
    if len(set(one)) > 1 or len(set(other)) > 1:
        z, _ = CompareMeans(DescrStatsW(one), DescrStatsW(other)).ztest_ind(usevar="unequal")
        moments = [(len(held), float(sum(held)), float(sum(value * value for value in held))) for held in (one, other)]
        assert means_differ(*moments) == pytest.approx(2 * norm.sf(abs(z)))


def test_counts_and_sums_are_compared() -> None:
    assert counts_differ(0, 0) == 1.0
    assert counts_differ(80, 60) == pytest.approx(0.0910, abs=1e-4)
    assert sums_differ((80.0, 80.0), (60.0, 60.0)) == pytest.approx(counts_differ(80, 60))
    assert sums_differ((0.0, 0.0), (0.0, 0.0)) == 1.0
    assert means_differ((1, 5.0, 25.0), (9, 1.0, 1.0)) == 1.0


def test_where_nothing_can_be_said_nothing_is() -> None:
    assert share_difference((0, 0), (1, 2)) is None
    assert two_shares((0, 0), (1, 2)) == 1.0
    assert rate_ratio(0, 5) is None
    bounds = rate_ratio(100, 100)
    assert bounds is not None
    assert bounds[0] * bounds[1] == pytest.approx(1.0)


@settings(deadline=None, max_examples=200)
@given(shares, shares)
def test_small_shares_are_judged_exactly_as_by_scipy(one: tuple[int, int], other: tuple[int, int]) -> None:
    trials, successes = one[1] + other[1], one[0] + other[0]
    least = min(one[1], other[1]) * min(successes, trials - successes) / trials
    exact = fisher_exact([[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]])[1]
    expected = two_shares(one, other) if least >= 5 else exact
    assert shares_differ(one, other) == pytest.approx(expected, abs=1e-7)


def test_what_is_too_little_is_no_news() -> None:
    # One win of one against none of four; the pooled z-test would say 0.025.
    assert shares_differ((1, 1), (0, 4)) == pytest.approx(0.2)
    assert shares_differ((0, 0), (3, 4)) == shares_differ((4, 4), (9, 9)) == 1.0
    assert counts_differ(4, 0) == pytest.approx(0.125)
    assert shares_differ((0, 2), (1_000, 1_000_000)) > 0.9


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(1e-6, 1 - 1e-6))
def test_splits_are_judged_as_by_scipy(one: int, other: int, share: float) -> None:
    found = split_differs(one, other, share)
    if not one + other:
        assert found == 1.0
    elif one + other <= 100:
        assert found == pytest.approx(binomtest(one, one + other, share).pvalue, abs=1e-6)
    else:
        distance = (one - (one + other) * share) / ((one + other) * share * (1 - share)) ** 0.5
        assert found == pytest.approx(2 * norm.sf(abs(distance)), abs=1e-9)
