"""What channels cost and brought, on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.stats.question import Mode
from service.stats.schemas.scope import DefinitionOut, Out, RateOut, ScopeQuery


class ChannelsQuery(ScopeQuery):
    """`GET /v1/stats/channels`."""

    group_by: Annotated[
        list[str],
        Field(
            default_factory=lambda: ["channel"],
            max_length=10,
            description="Up to three dimensions, by channel unless said otherwise; costs are known by channel and campaign only",
        ),
    ]
    mode: Annotated[
        Mode, Field(description="Journeys that started in the interval and what became of them, or what happened in it")
    ] = "cohort"


class MoneyOut(Out):
    """The figures of one currency; nothing is ever converted. ``roi`` = (revenue - spend) / spend."""

    currency: str
    revenue: str
    revenue_per_win: str | None
    spend: str | None
    budget: str | None
    cost_per_lead: str | None
    cost_per_opportunity: str | None
    cost_per_customer: str | None
    roi: float | None


class ChannelGroupOut(Out):
    """One channel, campaign or other group. ``customers`` are wins that are no repurchase."""

    key: dict[str, str | None]
    leads: int
    opportunities: int
    wins: int
    customers: int
    conversion: RateOut | None
    mean_days_to_win: float | None
    wins_without_amount: int
    money: list[MoneyOut]
    links: dict[str, str]


class ChannelsOut(Out):
    """What every channel cost and brought."""

    definition: DefinitionOut
    groups: list[ChannelGroupOut]
    totals: ChannelGroupOut
