"""Wilson's bounds, against published figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.stats.funnel import rate
from service.stats.wilson import Z95, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe 1998, Stat Med 17:857, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_figures(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_the_bounds_solve_their_equation(trials: int, share: float) -> None:
    successes = round(trials * share)
    bounds = wilson(successes, trials)
    assert bounds is not None
    share = successes / trials
    assert 0 <= bounds[0] <= share <= bounds[1] <= 1
    for bound in bounds:
        assert (share - bound) ** 2 == pytest.approx(Z95**2 * bound * (1 - bound) / trials, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_has_no_bounds(successes: int, trials: int) -> None:
    assert wilson(successes, trials) is None


def test_rates_are_null_where_there_is_nothing_to_divide_by() -> None:
    assert rate(0, 0) == {
        "numerator": 0,
        "denominator": 0,
        "rate": None,
        "low": None,
        "high": None,
        "insufficient_data": True,
    }
    assert rate(3, 2) == {
        "numerator": 3,
        "denominator": 2,
        "rate": 1.5,
        "low": None,
        "high": None,
        "insufficient_data": True,
    }
    assert rate(842, 8000)["low"] == pytest.approx(0.098714, abs=5e-7)
    assert rate(842, 8000)["high"] == pytest.approx(0.112165, abs=5e-7)


def test_few_are_called_few() -> None:
    assert rate(1, 29)["insufficient_data"]
    assert not rate(1, 30)["insufficient_data"]
