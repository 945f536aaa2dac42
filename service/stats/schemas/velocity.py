"""Velocity on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out, RateOut


class VelocityQuery(GroupedQuery):
    """`GET /v1/stats/velocity`."""

    curve: Annotated[bool, Field(description="Answer with the curves too, up to 200 points each")] = False


class QuantilesOut(Out):
    """Days by which a quarter, half, three quarters and nine tenths of all have come (or left); null where that cannot be seen (yet)."""

    p25: float | None
    p50: float | None
    p75: float | None
    p90: float | None


class PointOut(Out):
    """A step of a curve: the share from that age on, its 95 % bounds, and how many were left to watch."""

    days: float
    share: float
    low: float | None
    high: float | None
    at_risk: int


class TimeToOut(Out):
    """From the start of a journey to a stage. ``curve``: the share that came to it by an age (Aalen and Johansen's estimator)."""

    journeys: int
    reached: int
    churned: int
    open: int
    days: QuantilesOut
    open_share: float | None
    insufficient_data: bool
    curve: list[PointOut] | None
    links: dict[str, str]


class TimeInOut(Out):
    """From entering a stage to leaving it. ``curve``: the share that is still in it at an age (Kaplan and Meier's estimator)."""

    stays: int
    left: int
    open: int
    days: QuantilesOut
    open_share: float | None
    insufficient_data: bool
    curve: list[PointOut] | None
    links: dict[str, str]


class PipelineOut(Out):
    """What the open opportunities of one currency yield a day.

    ``win_rate`` is that of all journeys of the group, whatever their currency. ``currency`` null: opportunities without an amount, unless there is
    but one currency, whose they are then taken to be.
    """

    currency: str | None
    open_opportunities: int
    win_rate: RateOut
    mean_amount: str | None
    mean_days_to_win: float | None
    per_day: str | None


class VelocityGroupOut(Out):
    """The velocity of one group; ``leads`` lists its journeys."""

    key: dict[str, str | None]
    journeys: int
    leads: str
    time_to: dict[str, TimeToOut]
    time_in: dict[str, TimeInOut]
    pipeline: list[PipelineOut]


class VelocityOut(Out):
    """How long things take, with those still under way."""

    definition: DefinitionOut
    groups: list[VelocityGroupOut]
    totals: VelocityGroupOut
