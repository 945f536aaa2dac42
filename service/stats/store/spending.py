"""What was spent, as far as it touches an interval."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Date, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.returns import Spent
from service.stats.spending.tables import spend

# A calendar day of any zone begins within this of the same day in UTC.
_ZONES = timedelta(days=1)


SPENT: Final = select(
    spend.c.channel,
    spend.c.campaign,
    spend.c.period_start,
    spend.c.period_end,
    spend.c.amount,
    spend.c.budget,
    spend.c.currency,
).where(spend.c.period_end >= bindparam("first", type_=Date), spend.c.period_start <= bindparam("last", type_=Date))
"""What `Spent` tells, of the periods that touch the days from ``first`` to ``last``."""


async def spent_between(connection: AsyncConnection, low: datetime, high: datetime) -> list[Spent]:
    """Return the amounts whose periods may touch an interval, whichever time zone their days are of."""
    return [Spent(*row) for row in (await connection.execute(SPENT, days_of(low, high))).all()]


def days_of(low: datetime, high: datetime) -> dict[str, date]:
    """Return the parameters of `SPENT`: the days, of any time zone, that may lie in an interval."""
    first = (low - _ZONES).date() if low.year > 1 else date.min
    return {"first": first, "last": (high + _ZONES).date()}
