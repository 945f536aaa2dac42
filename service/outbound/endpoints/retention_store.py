"""The SQL of how long the log of tries is kept, and of what is erased from it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

# What a worker that does the same holds, or an endpoint somebody delivers to right now, comes next time.
_HOLD: Final = text(
    """SELECT id, deleted_at IS NOT NULL AS is_deleted FROM webhook_endpoints
    WHERE deleted_at IS NULL OR lease_until IS NULL OR lease_until < clock_timestamp()
    ORDER BY id FOR KEY SHARE SKIP LOCKED"""
)
_ATTEMPTS: Final = text(
    """DELETE FROM webhook_attempts WHERE (lead_id, id) IN (SELECT lead_id, id FROM webhook_attempts
        WHERE endpoint_id = :id AND id < :before ORDER BY id LIMIT :limit)"""
)
_MESSAGES: Final = text(
    """DELETE FROM webhook_queue WHERE endpoint_id = :id AND (lead_id, event_id) IN (
        SELECT lead_id, event_id FROM webhook_queue WHERE endpoint_id = :id
            AND (CAST(:before AS timestamptz) IS NULL OR (state = 'failed' AND updated_at < :before)) LIMIT :limit)"""
)
_REPLAYS: Final = text(
    "DELETE FROM webhook_replays WHERE endpoint_id = :id AND coalesce(finished_at, created_at) < :before"
)
_ENDPOINT: Final = text("DELETE FROM webhook_endpoints WHERE id = :id")
_EMPTY: Final = text(
    """UPDATE webhook_attempts SET answer = NULL
    WHERE lead_id = ANY(CAST(:leads AS uuid[])) AND answer IS NOT NULL"""
)


async def hold_endpoints(connection: AsyncConnection) -> list[tuple[UUID, bool]]:
    """Return all endpoints that nobody else has in hand, and whether each is deleted."""
    return [(row["id"], row["is_deleted"]) for row in await fetch(connection, _HOLD)]


async def delete_attempts(connection: AsyncConnection, endpoint_id: UUID, *, before: UUID, limit: int) -> int:
    """Delete an endpoint's oldest tries, by id, and return how many."""
    given = {"id": endpoint_id, "before": before, "limit": limit}
    return (await connection.execute(_ATTEMPTS, given)).rowcount


async def delete_messages(
    connection: AsyncConnection, endpoint_id: UUID, *, before: datetime | None, limit: int
) -> int:
    """Delete what was given up before a time, or all of an endpoint's queue; returns how many."""
    given = {"id": endpoint_id, "before": before, "limit": limit}
    return (await connection.execute(_MESSAGES, given)).rowcount


async def delete_replays(connection: AsyncConnection, endpoint_id: UUID, *, before: datetime) -> int:
    """Delete an endpoint's old replays, and return how many."""
    return (await connection.execute(_REPLAYS, {"id": endpoint_id, "before": before})).rowcount


async def delete_endpoint(connection: AsyncConnection, endpoint_id: UUID) -> int:
    """Delete an endpoint of which nothing else is left."""
    return (await connection.execute(_ENDPOINT, {"id": endpoint_id})).rowcount


async def empty_answers(connection: AsyncConnection, lead_ids: Collection[UUID]) -> int:
    """Empty the answers to what was sent about leads, and return how many there were."""
    return (await connection.execute(_EMPTY, {"leads": list(lead_ids)})).rowcount
