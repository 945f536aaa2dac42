"""Whose turn it is (PURE): members of a team get leads in proportion to their weights, and nobody is ever a whole lead off their share.

This is the chairman assignment problem (Tijdeman 1980): each lead earns everybody who could take it their share of a lead, and goes to
whoever has earned some of it and whose next lead is due first (the quota method of Balinski and Young). What one has earned, and not got,
is kept in the database: a restart favours nobody. Who could not take a lead earns nothing by it, so who comes back is not flooded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final, Literal
from zlib import crc32

Method = Literal["round_robin", "weighted", "least_loaded"]

LEAD: Final = 10**12
"""One lead, in the parts that shares are counted in: whole numbers, so that nothing is lost in rounding."""


@dataclass(slots=True)
class Turn:
    """Where somebody stands in a team's turns.

    ``credit`` is what they have earned and not got, ``head_start`` what they are taken to have besides what they have: both in parts of a
    lead. ``present`` says whether they were there when the team last got a lead.
    """

    team: str
    owner: str
    credit: int = 0
    head_start: int = 0
    present: bool = True
    given: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could take the lead: their weight, and how many leads they have open."""

    owner: str
    weight: int
    load: int


def attend(
    turns: MutableMapping[str, Turn], *, team: str, present: Collection[str], loads: Mapping[str, int]
) -> list[Turn]:
    """Note who is there now, and return the turns of those who came or went.

    Who is new, or was away, has little to do: by load alone they would get everything that comes. They are taken to have as much as the one of
    the others who has least; `pick` lets that melt as leads come in.
    """
    steady = [turns[owner] for owner in present if owner in turns and turns[owner].present]
    least = min((_loaded(turn, loads) for turn in steady), default=0)
    changed = []
    for owner in sorted(present):
        turn = turns.get(owner)
        if turn is None or not turn.present:
            turn = turns[owner] = turn or Turn(team, owner)
            turn.present = True
            turn.head_start = max(0, least - loads.get(owner, 0) * LEAD)
            changed.append(turn)
    for owner, turn in turns.items():
        if turn.present and owner not in present:
            turn.present = False
            changed.append(turn)
    return changed


def pick(turns: Mapping[str, Turn], candidates: Sequence[Candidate], *, method: Method, now: datetime) -> str:
    """Return who is to have the next lead, and move everybody's turns on.

    There must be a candidate, and each must have a turn. ``round_robin`` gives everybody the same share, the others go by weight;
    ``least_loaded`` prefers whoever has least for their weight, and takes turns where that is equal.
    """
    weights = {one.owner: 1 if method == "round_robin" else one.weight for one in candidates}
    earned = _earn([turns[one.owner] for one in candidates], weights)
    if method == "least_loaded":
        load = {one.owner: Fraction(_loaded(turns[one.owner], {one.owner: one.load}), one.weight) for one in candidates}
        least = min(load.values())
        waiting = [turns[one.owner] for one in candidates if load[one.owner] == least]
    else:
        waiting = [turns[one.owner] for one in candidates]
    ready = [turn for turn in waiting if turn.credit > 0] or waiting
    chosen = min(ready, key=lambda turn: _order(turn, weights[turn.owner]))
    chosen.credit -= earned
    chosen.given += 1
    chosen.last_at = now
    return chosen.owner


def _earn(turns: Iterable[Turn], weights: Mapping[str, int]) -> int:
    """Give everybody their share of a lead, and return what that came to: one lead but for what does not divide."""
    whole, earned = sum(weights.values()), 0
    for turn in turns:
        share = LEAD * weights[turn.owner] // whole
        turn.credit += share
        turn.head_start = max(0, turn.head_start - share)
        earned += share
    return earned


def _order(turn: Turn, weight: int) -> tuple[Fraction, float, int]:
    """Order by when the next lead is due, then by who has waited longest; where all is equal no place in a list counts."""
    waited = turn.last_at.timestamp() if turn.last_at else float("-inf")
    return Fraction(LEAD - turn.credit, weight), waited, crc32(f"{turn.team}\0{turn.owner}".encode())


def _loaded(turn: Turn, loads: Mapping[str, int]) -> int:
    return loads.get(turn.owner, 0) * LEAD + turn.head_start
