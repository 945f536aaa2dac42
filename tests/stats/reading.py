"""Reading the views for dashboards, in sessions of several time zones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import new_id
from service.stats.spending.tables import spend
from tests.stats.recounting import NOW

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata")
SPENT = (
    ("web", None, "2025-01-20", "2025-02-18", "1000", "1200", "EUR"),
    ("web", "spring", "2025-03-01", "2025-03-31", "310", None, "EUR"),
    ("fair", None, "2025-02-03", "2025-02-03", "77.77", "80", "CNY"),
    (None, None, "2024-01-01", "2024-12-31", "12", "0", "EUR"),
    ("radio", "autumn", "2025-05-01", "2025-05-07", "100", None, "EUR"),
    ("web", None, "2199-01-01", "2199-12-31", "5000", "5000", "EUR"),
)


async def spend_money(connection: AsyncConnection) -> None:
    rows = [
        {
            "id": new_id(), "channel": channel, "campaign": campaign, "period_start": date.fromisoformat(first),
            "period_end": date.fromisoformat(last), "amount": Decimal(amount), "budget": Decimal(budget) if budget else None,
            "currency": currency, "actor": "test", "created_at": NOW, "updated_at": NOW,
        }
        for channel, campaign, first, last, amount, budget, currency in SPENT
    ]  # fmt: skip
    await connection.execute(insert(spend), rows)


async def zones(connection: AsyncConnection) -> AsyncIterator[str]:
    """Let the session live in one time zone after the other."""
    for zone in ZONES:
        await connection.execute(text(f"SET LOCAL TIME ZONE '{zone}'"))
        yield zone


async def rows(connection: AsyncConnection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in (await connection.exec_driver_sql(query)).mappings()]


def summed(found: list[dict[str, Any]], by: tuple[str, ...], *names: str) -> dict[Any, tuple[Any, ...]]:
    """Add up columns of rows, by the values of others."""
    sums: dict[Any, Counter[str]] = defaultdict(Counter)
    for row in found:
        for name in names:
            sums[tuple(row[key] for key in by)][name] += row[name] or 0
    return {key: tuple(of[name] for name in names) for key, of in sums.items()}
