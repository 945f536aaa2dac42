"""Figures of deliveries for ``/metrics``: what came of them, how far each endpoint is behind, and what waits."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock, outage
from service.outbound.delivering import figures_store

_log = structlog.get_logger(__name__)

_TRIED: Final = Counter("webhook_attempts", "Tries to deliver an event, by what came of them", ["result"])
DELIVERED: Final = _TRIED.labels("delivered")
RETRIED: Final = _TRIED.labels("retry")
GIVEN_UP: Final = _TRIED.labels("failed")

LAG: Final = Gauge(
    "webhook_lag_seconds",
    "Age of the next event of the feed for an endpoint",
    ["endpoint"],
    multiprocess_mode="mostrecent",
)
QUEUE: Final = Gauge(
    "webhook_queue",
    "Messages that failed, and those behind them",
    ["endpoint", "state"],
    multiprocess_mode="mostrecent",
)
ENDPOINTS: Final = Gauge("webhook_endpoints", "Endpoints", ["status"], multiprocess_mode="mostrecent")

_REFRESH_SECONDS: Final = 10.0
_PATIENCE_SECONDS: Final = 3.0


class DeliveryGauges:
    """Keeps the gauges of ``/metrics`` fresh when they are asked for, at most every ten seconds. One per process."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._due = 0.0
        self._shown: set[str] = set()

    async def refresh(self) -> None:
        """Set all gauges; leaves them as they are while the database is away or slow."""
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
        self._set(rows)

    def _set(self, rows: list[figures_store.Row]) -> None:
        now = clock.now()
        for status in ("enabled", "disabled"):
            ENDPOINTS.labels(status).set(sum(row["status"] == status for row in rows))
        shown = {str(row["id"]) for row in rows}
        for gone in self._shown - shown:
            LAG.labels(gone).set(0)
            QUEUE.labels(gone, "pending").set(0)
            QUEUE.labels(gone, "failed").set(0)
        self._shown = shown
        for row in rows:
            since = row["undecided_since"]
            LAG.labels(str(row["id"])).set(max((now - since).total_seconds(), 0.0) if since is not None else 0.0)
            QUEUE.labels(str(row["id"]), "pending").set(row["waiting"])
            QUEUE.labels(str(row["id"]), "failed").set(row["failed"])
