"""Whose turn it is: in proportion, whoever comes and goes."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from service.nurture.assignment.picking import LEAD, Candidate, Method, Turn, attend, pick

START = datetime(2026, 11, 22, tzinfo=UTC)
WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=12)


class Team:
    """A team that gets leads one after the other."""

    def __init__(self, weights: dict[str, int], method: Method) -> None:
        self.weights = weights
        self.method = method
        self.turns: dict[str, Turn] = {}
        self.loads: Counter[str] = Counter()
        self.count = 0

    def next(self, *, only: set[str] | None = None, there: set[str] | None = None) -> str:
        there = set(self.weights) if there is None else there
        attend(self.turns, team="team", present=there, loads=self.loads)
        able = sorted(there if only is None else there & only)
        self.count += 1
        owner = pick(
            self.turns,
            [Candidate(one, self.weights[one], self.loads[one]) for one in able],
            method=self.method,
            now=START + timedelta(seconds=self.count),
        )
        self.loads[owner] += 1
        return owner


def named(weights: list[int]) -> dict[str, int]:
    return {f"owner-{number}": weight for number, weight in enumerate(weights)}


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 200))
def test_equal_members_differ_by_one_lead_at_most(size: int, leads: int) -> None:
    team = Team(named([1] * size), "round_robin")
    for _ in range(leads):
        team.next()
        counts = [team.loads[owner] for owner in team.weights]
        assert max(counts) - min(counts) <= 1


@settings(deadline=None)
@given(WEIGHTS, st.integers(1, 150))
def test_nobody_is_ever_a_whole_lead_off_their_share(weights: list[int], leads: int) -> None:
    team = Team(named(weights), "weighted")
    for number in range(1, leads + 1):
        team.next()
        for owner, weight in team.weights.items():
            share = Fraction(number * weight, sum(weights))
            # What does not divide is a millionth of a lead after a million of them.
            assert abs(team.loads[owner] - share) < 1 + Fraction(number, LEAD)


@settings(deadline=None)
@given(WEIGHTS, st.integers(0, 2**32))
def test_shares_are_kept_whoever_can_take_the_single_lead(weights: list[int], seed: int) -> None:
    """Leads of different territories, members who are full: what is earned is among those who could have had the lead."""
    chance = random.Random(seed)
    team = Team(named(weights), "weighted")
    earned: Counter[str] = Counter()
    for _ in range(100):
        able = {owner for owner in team.weights if chance.random() < 0.6} or {"owner-0"}
        team.next(only=able)
        whole = sum(team.weights[owner] for owner in able)
        for owner in able:
            earned[owner] += Fraction(team.weights[owner], whole)
        for owner in team.weights:
            assert abs(team.loads[owner] - earned[owner]) < 4


def test_who_comes_back_gets_their_share_and_not_what_they_missed() -> None:
    team = Team(named([1, 1, 1]), "round_robin")
    for _ in range(30):
        team.next(there={"owner-0", "owner-1"})
    before = Counter(team.loads)
    for _ in range(30):
        team.next()
    got = Counter(team.loads) - before
    assert max(got.values()) - min(got.values()) <= 1


def test_a_newcomer_is_not_flooded_by_load() -> None:
    team = Team(named([1] * 5), "least_loaded")
    old = {f"owner-{number}" for number in range(4)}
    for _ in range(200):
        team.next(there=old)
    assert {team.loads[owner] for owner in old} == {50}
    first = Counter(team.next() for _ in range(50))
    # Twice their share at most until they have caught up; without a head start they would get all fifty.
    assert 10 <= first["owner-4"] <= 20
    for _ in range(450):
        team.next()
    counts = [team.loads[owner] for owner in team.weights]
    assert max(counts) - min(counts) <= 1


def test_least_loaded_goes_by_weight_and_takes_turns_where_it_is_equal() -> None:
    team = Team({"half": 1, "full": 2}, "least_loaded")
    for _ in range(300):
        team.next()
    assert team.loads == {"half": 100, "full": 200}


def test_no_place_in_the_list_is_first_in_every_team() -> None:
    firsts = set()
    for key in map(str, range(20)):
        turns: dict[str, Turn] = {}
        attend(turns, team=key, present={"ann", "bob", "cy"}, loads={})
        everybody = [Candidate(owner, 1, 0) for owner in ("ann", "bob", "cy")]
        firsts.add(pick(turns, everybody, method="round_robin", now=START))
    assert firsts == {"ann", "bob", "cy"}
