"""The card of five figures on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out, RateOut


class KpisQuery(GroupedQuery):
    """`GET /v1/stats/kpis`. Without ``from`` and ``to``: the seven whole days before today, by the calendar of ``tz``."""


class _JudgedOut(Out):
    """Whether a difference is more than noise: its p-value is below 0.05. Null where there is too little to judge by."""

    p_value: float | None
    more_than_noise: bool | None


class CountOut(_JudgedOut):
    """A count, the one before it, and the change with its 95 % bounds (0.1 is ten per cent more)."""

    value: int
    previous: int
    change: float | None
    low: float | None
    high: float | None
    leads: str
    previous_leads: str


class ConversionOut(_JudgedOut):
    """Wins of all that was decided in the period, the share before it, and the difference with its 95 % bounds.

    ``leads`` lists the wins, ``decided_leads`` all that was decided.
    """

    value: RateOut
    previous: RateOut
    difference: float | None
    low: float | None
    high: float | None
    leads: str
    previous_leads: str
    decided_leads: str
    previous_decided_leads: str


class TimeToWinOut(_JudgedOut):
    """From the start of a journey to its win, of the wins of the period; medians in whole days."""

    median_days: int | None
    mean_days: float | None
    previous_median_days: int | None
    previous_mean_days: float | None
    wins: int
    previous_wins: int
    leads: str
    previous_leads: str


class AmountOut(_JudgedOut):
    """An amount and the one before it."""

    value: str | None
    previous: str | None
    change: float | None


class MoneyKpisOut(Out):
    """Money of one currency. ``lifetime_value``: all revenue until the period's end by all customers until then."""

    currency: str
    revenue: AmountOut
    revenue_per_customer: AmountOut
    cost_per_customer: AmountOut
    lifetime_value: AmountOut


class KpiGroupOut(Out):
    """The card of one group."""

    key: dict[str, str | None]
    new_leads: CountOut
    conversion: ConversionOut
    time_to_win: TimeToWinOut
    money: list[MoneyKpisOut]


class SpanOut(Out):
    """An interval, half-open."""

    from_: Annotated[datetime, Field(alias="from")]
    to: datetime


class KpiDefinitionOut(DefinitionOut):
    """What was counted, and in which interval before."""

    previous: SpanOut


class KpisOut(Out):
    """Five figures against those of the period before: new leads, conversion, time to win, cost per customer, revenue and value."""

    definition: KpiDefinitionOut
    groups: list[KpiGroupOut]
    totals: KpiGroupOut
