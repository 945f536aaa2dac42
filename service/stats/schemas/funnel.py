"""The funnel on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.stats.question import Mode
from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out, RateOut


class FunnelQuery(GroupedQuery):
    """`GET /v1/stats/funnel`."""

    horizon: Annotated[
        str | None,
        Field(
            description="Cohort mode: also the rate by this age with the open journeys followed up, and maturity; slower"
        ),
    ] = None

    mode: Annotated[Mode, Field(description="Journeys that started in the interval, or what happened in it")] = "cohort"


class ChurnedOut(Out):
    """Churned journeys by the category of their reason."""

    disqualified: int
    lost: int
    lapsed: int
    customer: int


class AdjustedOut(Out):
    """The share that comes to the stage by the horizon, with its 95 % bounds; open journeys are censored, not counted as failures.

    Null while no journey has been followed as far as the horizon: what nobody has lived to see is no rate.
    """

    horizon: str
    rate: float | None
    low: float | None
    high: float | None
    insufficient_data: bool


class MaturityOut(Out):
    """What a young cohort may still become. ``maturity``: the share of its journeys that are older than ``mature_after_days``, by when nine
    tenths of those came that came at all; below 80 %, or without an adjusted rate, it is ``immature``. Null while nobody has come.
    """

    adjusted: AdjustedOut
    maturity: float | None
    mature_after_days: float | None
    immature: bool | None


class FunnelStageOut(Out):
    """One stage of the funnel. ``leads`` lists those reached, ``links`` those behind every other count that is not zero."""

    stage: str
    reached: int
    entered: int
    step: RateOut | None
    overall: RateOut
    skipped: int
    open: int
    churned: ChurnedOut
    maturity: Annotated[MaturityOut | None, Field(description="With a horizon only, and not for the entry")]
    leads: str
    links: dict[str, str]


class FunnelGroupOut(Out):
    """The funnel of one group."""

    key: dict[str, str | None]
    entered: int
    decided: RateOut
    stages: list[FunnelStageOut]
    leads: str


class PeriodStageOut(Out):
    """What happened to one stage in the interval: ``opening + in - out = closing``. ``step``: exits further along the funnel, of all exits."""

    stage: str
    opening: int
    in_: Annotated[int, Field(alias="in")]
    out: int
    closing: int
    step: RateOut | None
    leads: str
    links: dict[str, str]


class PeriodGroupOut(Out):
    """The stages of one group in the interval."""

    key: dict[str, str | None]
    stages: list[PeriodStageOut]


class FunnelOut(Out):
    """The funnel: how far the journeys of an interval came (cohort mode), or what happened to each stage in it (period mode)."""

    definition: DefinitionOut
    groups: list[FunnelGroupOut] | list[PeriodGroupOut]
    totals: FunnelGroupOut | PeriodGroupOut
