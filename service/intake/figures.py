"""A channel's figures: what came in, what became of it, and how long the oldest of it has been waiting."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Any, Final

import structlog
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock, outage
from service.core.ids import first_id
from service.intake import figures_store

_log = structlog.get_logger(__name__)

WINDOW: Final = timedelta(days=30)
_WAITING: Final = ("received", "pending_fetch")
_REFRESH_SECONDS: Final = 10.0
_PATIENCE_SECONDS: Final = 3.0

LAG: Final = Gauge(
    "intake_lag_seconds", "How long the oldest waiting delivery has waited", ["channel"], multiprocess_mode="mostrecent"
)
PENDING: Final = Gauge("intake_pending", "Deliveries that wait", ["channel"], multiprocess_mode="mostrecent")
DEAD: Final = Gauge("intake_dead", "Deliveries that are dead", ["channel"], multiprocess_mode="mostrecent")


def first_day(since: datetime | None, now: datetime) -> datetime:
    """Return the beginning of the day (UTC) that figures are counted from: refusals are known by day only."""
    return datetime.combine((since or now - WINDOW).astimezone(UTC), time_of_day.min, UTC)


async def figures_of(
    connection: AsyncConnection, channel: str, *, now: datetime, since: datetime | None = None
) -> dict[str, Any]:
    """Return a channel's figures since a day, 30 days ago if none is given; what waits and what came last whenever it came."""
    begin = first_day(since, now)
    stored = await figures_store.stored_of(connection, channel, first=first_id(begin))
    refused = await figures_store.refusals_of(connection, channel, since=begin.date())
    waiting = await figures_store.waiting_of(connection, channel)
    accepted = sum(stored.values())
    return {
        "since": begin,
        "received": accepted + sum(refused.values()),
        "accepted": accepted,
        "refused": refused,
        "processed": stored.get("processed", 0),
        "duplicates": stored.get("duplicate", 0),
        "ignored": stored.get("ignored", 0),
        "dead": stored.get("dead", 0),
        "pending": waiting["pending"],
        "lag_seconds": _age(waiting["since"], now),
        "last_received_at": await figures_store.last_received(connection, channel),
    }


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since is not None else 0.0


class Gauges:
    """Keeps the gauges of ``/metrics`` fresh when they are asked for, at most every ten seconds. One per process."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._due = 0.0
        self._shown: set[str] = set()

    async def refresh(self) -> None:
        """Set every channel's gauges; leaves them as they are while the database is away or slow."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _REFRESH_SECONDS
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), self._engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                rows = await figures_store.gauges(connection)
        except Exception as error:
            if outage.retry_after(error) is None and not isinstance(error, TimeoutError):
                raise
            _log.warning("gauges_not_refreshed", error=type(error).__name__)
            return
        now = clock.now()
        gone = self._shown - {row["channel"] for row in rows}
        self._shown = {row["channel"] for row in rows}
        for row in [*rows, *({"channel": channel, "pending": 0, "since": None, "dead": 0} for channel in gone)]:
            LAG.labels(row["channel"]).set(_age(row["since"], now))
            PENDING.labels(row["channel"]).set(row["pending"])
            DEAD.labels(row["channel"]).set(row["dead"])
