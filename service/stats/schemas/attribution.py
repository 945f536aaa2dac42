"""Attribution on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.stats.estimators.credit import Model
from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out

Touched = Literal["channel", "campaign"]


class AttributionQuery(GroupedQuery):
    """`GET /v1/stats/attribution`."""

    by: Annotated[Touched, Field(description="What of the touches is credited")] = "channel"
    lookback: Annotated[
        str | None,
        Field(description="Only touches within this ISO 8601 duration before the win are credited", examples=["P90D"]),
    ] = None


class ModelCreditOut(Out):
    """What one model credits: wins (a sum of shares), the share of all wins, and revenue by currency."""

    wins: float
    share: float | None
    revenue: dict[str, str]


class CreditOut(Out):
    """One touched channel or campaign. ``leads`` lists the won journeys that it touched, be it first, last or between."""

    value: str | None
    touched_wins: int
    models: dict[Model, ModelCreditOut]
    leads: str | None


class AttributionDefinitionOut(DefinitionOut):
    """What was counted, what was credited, and how far back."""

    by: Touched
    lookback: str | None


class AttributionTotalsOut(Out):
    """What there was to be shared."""

    journeys: int
    wins: int
    revenue: dict[str, str]
    leads: str


class AttributionGroupOut(Out):
    """The journeys of one group, and who is credited with their wins; each group by itself, what touched the others is not looked at."""

    key: dict[str, str | None]
    credits: list[CreditOut]
    totals: AttributionTotalsOut


class AttributionOut(Out):
    """Who is credited with the wins, by six models; the credits of each add up to the totals. Below ``groups``: all of them together."""

    definition: AttributionDefinitionOut
    groups: list[AttributionGroupOut]
    credits: list[CreditOut]
    totals: AttributionTotalsOut
