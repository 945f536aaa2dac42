from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.stats.estimators.credit import RULES, collapse, removal_credits, removal_effects

paths = st.lists(
    st.tuples(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=5).map(tuple), st.booleans()),
    min_size=1,
    max_size=30,
)


def test_rules_give_the_published_shares() -> None:
    assert RULES["linear"]([3, 2, 1]) == pytest.approx([1 / 3] * 3)
    assert RULES["position"]([3, 2, 1]) == pytest.approx([0.4, 0.2, 0.4])
    assert RULES["position"]([2, 1]) == pytest.approx([0.5, 0.5])
    assert RULES["position"]([0]) == [1.0]
    assert RULES["time_decay"]([14, 7, 0]) == pytest.approx([0.14285714, 0.28571429, 0.57142857])


def test_removal_gives_the_published_effects() -> None:
    """Bryl (2016): three paths, one conversion."""
    seen = {("C1", "C2", "C3"): (1.0, 0.0), ("C1",): (0.0, 1.0), ("C2", "C3"): (0.0, 1.0)}
    base, effects = removal_effects(seen)
    assert base == pytest.approx(1 / 3)
    assert effects == pytest.approx({"C1": 0.5, "C2": 1.0, "C3": 1.0})
    assert removal_credits(seen) == pytest.approx({"C1": 0.2, "C2": 0.4, "C3": 0.4})


@settings(deadline=None)
@given(st.lists(st.floats(0, 4000), min_size=1, max_size=40))
def test_every_rule_gives_away_exactly_the_whole(days: list[float]) -> None:
    ages = sorted(days, reverse=True)
    for name, rule in RULES.items():
        shares = rule(ages)
        assert len(shares) == len(ages), name
        assert sum(shares) == pytest.approx(1.0), name
        assert min(shares) >= 0, name


@settings(deadline=None)
@given(paths)
def test_removal_credits_are_shares(seen: list[tuple[tuple[str | None, ...], bool]]) -> None:
    shares = removal_credits(collapse(seen))
    assert sum(shares.values()) == pytest.approx(1.0 if any(won for _, won in seen) else 0.0)
    assert min(shares.values()) >= -1e-12


def test_a_channel_on_every_path_takes_every_conversion_with_it() -> None:
    _, effects = removal_effects(collapse([(("a", "b"), True), (("b",), False), (("c", "b"), True)]))
    assert effects["b"] == pytest.approx(1.0)
