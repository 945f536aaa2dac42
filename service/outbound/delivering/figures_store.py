"""The SQL of the figures of deliveries."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

Row = dict[str, Any]

_GAUGES: Final = text(
    """WITH queued AS (SELECT endpoint_id, count(*) FILTER (WHERE state = 'pending') AS waiting,
        count(*) FILTER (WHERE state = 'failed') AS failed FROM webhook_queue GROUP BY endpoint_id)
    SELECT e.id, e.status, coalesce(waiting, 0) AS waiting, coalesce(failed, 0) AS failed,
        CASE WHEN e.status = 'enabled' THEN (SELECT recorded_at FROM outbox o
            WHERE (o.position, o.sequence, o.id) > (e.position, e.sequence, e.event_id)
            ORDER BY o.position, o.sequence, o.id LIMIT 1) END AS undecided_since
    FROM webhook_endpoints e LEFT JOIN queued ON queued.endpoint_id = e.id WHERE e.deleted_at IS NULL"""
)


async def gauges(connection: AsyncConnection) -> list[Row]:
    """Return of every endpoint ``id, status, waiting, failed, undecided_since``."""
    return await fetch(connection, _GAUGES)
