"""Paths found on whole arrays, held against paths found one journey at a time."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.stats.estimators.credit import RULES
from service.stats.touches import BEFORE_ALL, NOT_WON, Journeys, Ordered, Paths, Rows, paths_of

NAMES = ["web", None, "fair"]
CURRENCIES = [None, "EUR"]
DAY = 86_400_000_000

# Few ids, so that leads begin alike, and times that many share.
small = st.integers(0, 2)
lives = st.dictionaries(
    st.tuples(small, small, st.integers(1, 2)),
    st.tuples(small, st.one_of(st.none(), st.integers(0, 6)), st.integers(0, 1), st.integers(1, 9)),
    max_size=12,
)
moments = st.lists(st.tuples(small, small, st.integers(1, 2), small, st.integers(0, 6), st.integers(0, 3)), max_size=60)


def naive(told: dict, touches: list, lookback: int | None) -> Paths:
    found = Paths()
    for (high, low, number), (name, won, currency, amount) in told.items():
        mine = sorted(
            (at, place, code) for place, (h, lo, n, code, at, _) in touches if (h, lo, n) == (high, low, number)
        )
        if won is not None:
            mine = [one for one in mine if one[0] <= won and (lookback is None or one[0] >= won - lookback)]
        path = tuple(NAMES[code] for _, _, code in mine) or (NAMES[name],)
        if won is None:
            found.not_won[path] += 1
            continue
        wins, brought = found.won.get((path, CURRENCIES[currency]), (0, 0.0))
        found.won[path, CURRENCIES[currency]] = wins + 1, brought + amount
        found.touched.update(set(path))
        if len(path) > 1:
            for held, share in zip(path, RULES["time_decay"]([float(won - at) for at, *_ in mine]), strict=True):
                wins, brought = found.decayed.get((held, CURRENCIES[currency]), (0.0, 0.0))
                found.decayed[held, CURRENCIES[currency]] = wins + share, brought + share * amount
    return found


def rows(leads: list, numbers: list, names: list, at: list) -> Rows:
    high, low = halves(leads)
    return Rows(high, low, np.array(numbers, np.int32), np.array(names, np.int32), np.array(at, np.int64))


def halves(pairs: list) -> np.ndarray:
    return np.array(pairs, dtype=np.uint64).reshape(-1, 2).T


@settings(deadline=None, max_examples=300)
@given(lives, moments, st.one_of(st.none(), st.integers(0, 3)))
def test_they_are_the_same(told: dict, drawn: list, lookback: int | None) -> None:
    # The ids of touches are all different, and in no order.
    touches = [((high, place), one) for place, one in enumerate(drawn) for high in [one[-1]]]
    everything = [*told, *(one for _, one in touches)]
    all_rows = rows(
        [one[:2] for one in everything],
        [one[2] for one in everything],
        [one[0] for one in told.values()] + [one[3] for _, one in touches],
        [BEFORE_ALL for _ in told] + [one[4] * DAY for _, one in touches],
    )
    journeys = Journeys(
        np.array([NOT_WON if one[1] is None else one[1] * DAY for one in told.values()], dtype=np.int64),
        np.array([one[2] for one in told.values()], dtype=np.int64),
        np.array([one[3] for one in told.values()], dtype=np.float64),
        np.array([group_of(journey) for journey in told], dtype=np.int64),
    )
    ordered = Ordered(all_rows)
    tied = set(ordered.tied())
    assert all(len({one[3] for _, one in touches if one[:3] == journey}) > 1 for journey in tied)
    # What the database is asked for.
    ordered.settle(
        [one[3] for place, one in sorted(touches, key=lambda it: (*it[1][:3], it[1][4], it[0])) if one[:3] in tied]
    )
    limit = None if lookback is None else lookback * DAY
    found = paths_of(ordered, journeys, NAMES, CURRENCIES, groups=3, lookback=limit)
    for group in range(3):
        mine = {journey: life for journey, life in told.items() if group_of(journey) == group}
        assert_same(found[group], naive(mine, touches, lookback))
    assert_same(Paths.together(found), naive(told, touches, lookback))


def group_of(journey: tuple) -> int:
    return sum(journey) % 3


def assert_same(found: Paths, expected: Paths) -> None:
    assert found.not_won == expected.not_won
    assert found.touched == expected.touched
    assert found.won == expected.won
    assert found.decayed.keys() == expected.decayed.keys()
    for key, shares in expected.decayed.items():
        assert found.decayed[key] == pytest.approx(shares)


def test_a_long_path_is_put_in_order() -> None:
    at = np.random.default_rng(3).permutation(200)
    journeys = Journeys(np.full(1, NOT_WON), np.zeros(1, np.int64), np.full(1, np.nan), np.zeros(1, np.int64))
    all_rows = rows([(1, 1)] * 201, [1] * 201, [0, *(at % 3).tolist()], [BEFORE_ALL, *(at * DAY).tolist()])
    ordered = Ordered(all_rows)
    assert not ordered.tied()
    (found,) = paths_of(ordered, journeys, NAMES, CURRENCIES, groups=1, lookback=None)
    assert found.not_won == Counter([tuple(NAMES[place % 3] for place in range(200))])


def test_journeys_without_any_touch_are_put_in_order() -> None:
    order = np.random.default_rng(4).permutation(40).tolist()
    journeys = Journeys(np.full(40, NOT_WON), np.zeros(40, np.int64), np.full(40, np.nan), np.zeros(40, np.int64))
    all_rows = rows([(1, one) for one in order], [1] * 40, [one % 3 for one in order], [BEFORE_ALL] * 40)
    (found,) = paths_of(Ordered(all_rows), journeys, NAMES, CURRENCIES, groups=1, lookback=None)
    assert found.not_won == Counter((NAMES[one % 3],) for one in range(40))
