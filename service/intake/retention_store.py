"""The SQL of retention: which deliveries are old, and how far each channel's were emptied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

# Another worker that does the same holds them: then there is nothing to do here.
_HOLD: Final = text(
    """SELECT key, CAST(policy ->> 'retention_days' AS integer) AS days, emptied_to
    FROM channels ORDER BY key FOR NO KEY UPDATE SKIP LOCKED"""
)
_OLD: Final = text(
    """SELECT id, status IN ('received', 'pending_fetch') AS waits FROM deliveries
    WHERE channel = :channel AND id < :before AND (CAST(:after AS uuid) IS NULL OR id > :after)
    ORDER BY id LIMIT :limit"""
)
_EMPTY: Final = text(
    """UPDATE deliveries SET body = '', headers = '{}', query = '', detail = NULL
    WHERE id = ANY(CAST(:ids AS uuid[])) AND status NOT IN ('received', 'pending_fetch')
        AND (body <> '' OR headers <> '{}' OR query <> '' OR detail IS NOT NULL)"""
)
_REMEMBER: Final = text("UPDATE channels SET emptied_to = :reached WHERE key = :channel")
_DELETE: Final = text(
    """DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries
        WHERE channel = :channel AND id < :before AND status NOT IN ('received', 'pending_fetch')
        ORDER BY id LIMIT :limit)"""
)


class Held(TypedDict):
    """A channel that is held: how many days it keeps content, None for the usual ones, and to where it is emptied."""

    key: str
    days: int | None
    emptied_to: UUID | None


async def hold(connection: AsyncConnection) -> list[Held]:
    """Lock the channels that nobody else has in hand, deleted ones too, and return them."""
    return [
        Held(key=row["key"], days=row["days"], emptied_to=row["emptied_to"]) for row in await fetch(connection, _HOLD)
    ]


async def read_old(
    connection: AsyncConnection, channel: str, *, after: UUID | None, before: UUID, limit: int
) -> list[dict[str, Any]]:
    """Return a channel's deliveries between two ids, the oldest first: ``id, waits``."""
    return await fetch(connection, _OLD, channel=channel, after=after, before=before, limit=limit)


async def empty(connection: AsyncConnection, ids: Sequence[UUID]) -> int:
    """Empty deliveries, and return how many had something in them."""
    return (await connection.execute(_EMPTY, {"ids": list(ids)})).rowcount


async def remember(connection: AsyncConnection, channel: str, reached: UUID) -> None:
    """Write down to where a channel's deliveries are emptied."""
    await connection.execute(_REMEMBER, {"channel": channel, "reached": reached})


async def delete(connection: AsyncConnection, channel: str, *, before: UUID, limit: int) -> int:
    """Delete a channel's oldest deliveries, and return how many."""
    return (await connection.execute(_DELETE, {"channel": channel, "before": before, "limit": limit})).rowcount
