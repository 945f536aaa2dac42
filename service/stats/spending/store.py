"""The SQL of spending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.stats.spending.tables import spend

# What says the same as before is not written again, and what it was before is told.
_PUT: Final = text(
    """INSERT INTO spend AS held SELECT * FROM json_populate_recordset(NULL::spend, CAST(:rows AS json))
    ORDER BY channel, campaign, period_start, period_end, currency
    ON CONFLICT (channel, campaign, period_start, period_end, currency) DO UPDATE
    SET amount = excluded.amount, budget = excluded.budget, actor = excluded.actor, updated_at = excluded.updated_at
    WHERE (held.amount, held.budget) IS DISTINCT FROM (excluded.amount, excluded.budget)
    RETURNING *"""
)
_KEY: Final = ("channel", "campaign", "period_start", "period_end", "currency")
_SAME: Final = text(
    """SELECT spend.* FROM json_populate_recordset(NULL::spend, CAST(:rows AS json)) AS wanted
    JOIN spend ON (spend.channel, spend.campaign) IS NOT DISTINCT FROM (wanted.channel, wanted.campaign)
    AND spend.period_start = wanted.period_start AND spend.period_end = wanted.period_end AND spend.currency = wanted.currency"""
)


def key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what there is one amount for."""
    return tuple(row[name] for name in _KEY)


async def read_same(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what is known of the same channels, campaigns and periods."""
    return await fetch(connection, _SAME, rows=dumps(list(rows)))


async def put_spend(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write amounts down, each instead of the one that was there; no two rows may be of the same key."""
    await connection.execute(_PUT, {"rows": dumps(list(rows))})


async def delete_spend(connection: AsyncConnection, spend_id: UUID) -> bool:
    """Forget an amount, and say whether it was there."""
    return bool((await connection.execute(delete(spend).where(spend.c.id == spend_id))).rowcount)


async def list_spend(
    connection: AsyncConnection, *, filters: Mapping[str, Any], after: Sequence[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """Return amounts by the start of their period; of a channel, a campaign, or periods that touch an interval."""
    statement: Select[Any] = select(spend).order_by(spend.c.period_start, spend.c.id).limit(limit)
    for name in ("channel", "campaign", "currency"):
        if filters.get(name) is not None:
            statement = statement.where(spend.c[name] == filters[name])
    if filters.get("from") is not None:
        statement = statement.where(spend.c.period_end >= filters["from"])
    if filters.get("to") is not None:
        statement = statement.where(spend.c.period_start < filters["to"])
    if after is not None:
        statement = statement.where(
            tuple_(spend.c.period_start, spend.c.id) > tuple_(date.fromisoformat(after[0]), after[1])
        )
    return await fetch(connection, statement)
