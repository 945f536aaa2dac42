"""Bottlenecks on the wire."""

from __future__ import annotations

from typing import Literal

from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out, RateOut


class BottlenecksQuery(GroupedQuery):
    """`GET /v1/stats/bottlenecks`."""


class BestOut(Out):
    """Where a step goes best: in which quarter (its first day) or channel. ``held_to``: the lower 95 % bound of that."""

    kind: Literal["quarter", "channel"]
    name: str | None
    step: RateOut
    held_to: float
    leads: str


class StepOut(Out):
    """A step of the funnel, and what would be gained if it did as well as its best."""

    rank: int
    from_stage: str
    to_stage: str
    step: RateOut
    best: BestOut | None
    won_of_those_that_pass: float
    wins_gained: float
    lost_here: int
    waiting_here: int
    links: dict[str, str]
    leads: str


class BottleneckGroupOut(Out):
    """The steps of one group, the one with the most to gain first."""

    key: dict[str, str | None]
    journeys: int
    steps: list[StepOut]


class BottlenecksOut(Out):
    """Where the most wins would be gained."""

    definition: DefinitionOut
    groups: list[BottleneckGroupOut]
    totals: BottleneckGroupOut
