"""The SQL of who delivers to which endpoint: leases by the database's clock, and a token that counts how often each changed hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_SEEN: Final = text(
    """INSERT INTO webhook_dispatchers (id, seen_at) VALUES (:me, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"""
)
_FORGET_SILENT: Final = text(
    "DELETE FROM webhook_dispatchers WHERE seen_at < clock_timestamp() - make_interval(secs => :lease)"
)
_FORGET: Final = text("DELETE FROM webhook_dispatchers WHERE id = :me")
# All there is to know at a glance: what of ours has changed, what is free, and among how many it is shared out.
_LOOK: Final = text(
    """SELECT id, revision, status = 'enabled' AND deleted_at IS NULL AS enabled, lease_owner = :me AS mine,
        lease_until IS NULL OR lease_until < clock_timestamp() AS free,
        (SELECT count(*) FROM webhook_dispatchers
            WHERE seen_at > clock_timestamp() - make_interval(secs => :lease)) AS dispatchers
    FROM webhook_endpoints WHERE (status = 'enabled' AND deleted_at IS NULL) OR lease_owner = :me"""
)
_RENEW: Final = text(
    """UPDATE webhook_endpoints SET lease_until = clock_timestamp() + make_interval(secs => :lease)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:tokens AS integer[])) AS held (id, token)
    WHERE webhook_endpoints.id = held.id AND lease_owner = :me AND lease_token = held.token
    RETURNING webhook_endpoints.id"""
)
_TAKE: Final = text(
    """UPDATE webhook_endpoints SET lease_owner = :me, lease_token = lease_token + 1,
        lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE id IN (
        SELECT id FROM webhook_endpoints WHERE status = 'enabled' AND deleted_at IS NULL
            AND (lease_until IS NULL OR lease_until < clock_timestamp())
        ORDER BY lease_until NULLS FIRST, id LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING *"""
)
_READ: Final = text("SELECT * FROM webhook_endpoints WHERE id = ANY(CAST(:ids AS uuid[])) AND lease_owner = :me")
_RELEASE: Final = text(
    """UPDATE webhook_endpoints SET lease_owner = NULL, lease_until = NULL
    FROM unnest(CAST(:ids AS uuid[]), CAST(:tokens AS integer[])) AS held (id, token)
    WHERE webhook_endpoints.id = held.id AND lease_owner = :me AND lease_token = held.token"""
)
_REPLAYS: Final = text(
    "SELECT * FROM webhook_replays WHERE endpoint_id = ANY(CAST(:ids AS uuid[])) AND finished_at IS NULL ORDER BY id"
)
_PENDING: Final = text(
    """SELECT id FROM unnest(CAST(:ids AS uuid[])) AS mine (id)
    WHERE EXISTS (SELECT FROM webhook_queue WHERE endpoint_id = mine.id AND state = 'pending')"""
)


async def show_up(connection: AsyncConnection, me: UUID, *, lease: float) -> None:
    """Say that this dispatcher is at work, and forget those that no longer say so."""
    await connection.execute(_SEEN, {"me": me})
    await connection.execute(_FORGET_SILENT, {"lease": lease})


async def leave(connection: AsyncConnection, me: UUID) -> None:
    """Say that this dispatcher is no longer at work."""
    await connection.execute(_FORGET, {"me": me})


async def look(connection: AsyncConnection, me: UUID, *, lease: float) -> list[dict[str, Any]]:
    """Return every endpoint that is enabled or ours: ``id, revision, enabled, mine, free, dispatchers``."""
    return await fetch(connection, _LOOK, me=me, lease=lease)


async def renew(connection: AsyncConnection, me: UUID, held: Mapping[UUID, int], *, lease: float) -> set[UUID]:
    """Keep leases, given by token, and return those that are still ours."""
    rows = await fetch(connection, _RENEW, me=me, lease=lease, ids=list(held), tokens=list(held.values()))
    return {row["id"] for row in rows}


async def take(connection: AsyncConnection, me: UUID, *, limit: int, lease: float) -> list[dict[str, Any]]:
    """Take endpoints that nobody has, and return their rows."""
    return await fetch(connection, _TAKE, me=me, limit=limit, lease=lease)


async def read(connection: AsyncConnection, me: UUID, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the rows of endpoints that are ours."""
    return await fetch(connection, _READ, me=me, ids=list(ids))


async def release(connection: AsyncConnection, me: UUID, held: Mapping[UUID, int]) -> None:
    """Give leases back, so that another dispatcher need not wait for their end."""
    await connection.execute(_RELEASE, {"me": me, "ids": list(held), "tokens": list(held.values())})


async def open_replays(connection: AsyncConnection, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the replays of these endpoints that have not ended, the oldest first."""
    return await fetch(connection, _REPLAYS, ids=list(ids))


async def with_queue(connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the endpoints that have something in the queue."""
    return {row["id"] for row in await fetch(connection, _PENDING, ids=list(ids))}
