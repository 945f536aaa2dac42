"""Medians and rank tests of many groups at once are those of each group by itself."""

from __future__ import annotations

from statistics import median_low

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from service.stats.estimators.histograms import Pairs

samples = st.lists(st.integers(0, 12), max_size=40)


def pairs_of(groups: list[tuple[list[int], list[int]]]) -> Pairs:
    """A row for each value there is, in no order, and one that was counted and taken back again."""
    rows = [(number, value, 1, 0) for number, (one, _) in enumerate(groups) for value in one]
    rows += [(number, value, 0, 1) for number, (_, other) in enumerate(groups) for value in other]
    rows += [(number, 5, count, 2 * count) for number in range(len(groups)) for count in (3, -3)]
    np.random.default_rng(7).shuffle(rows)
    return Pairs(len(groups), *np.array(rows, dtype=np.int64).reshape(-1, 4).T)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(samples, samples), min_size=1, max_size=5))
def test_each_group_is_compared_as_scipy_does(groups: list[tuple[list[int], list[int]]]) -> None:
    pairs = pairs_of(groups)
    expected = [[median_low(held) if held else None for held in both] for both in groups]
    assert [list(both) for both in zip(*pairs.medians(), strict=True)] == expected
    for found, (one, other) in zip(pairs.p_values(), groups, strict=True):
        if not one or not other or len({*one, *other}) == 1:
            assert found == 1.0
        else:
            expected = mannwhitneyu(one, other, use_continuity=False, method="asymptotic").pvalue
            assert found == pytest.approx(expected)


def test_nothing_at_all_has_no_median() -> None:
    none = np.array([], dtype=np.int64)
    pairs = Pairs(2, none, none, none, none)
    assert pairs.medians() == ([None, None], [None, None])
    assert pairs.p_values() == [1.0, 1.0]
