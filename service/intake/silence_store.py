"""The SQL of silence: who has not spoken for a while, and what is usual for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_QUIET: Final = text("""
    SELECT key, vendor, name, last.received_at AS last_received_at
    FROM channels CROSS JOIN LATERAL (
        SELECT received_at FROM deliveries WHERE channel = channels.key ORDER BY id DESC LIMIT 1) AS last
    WHERE enabled AND deleted_at IS NULL AND last.received_at BETWEEN created_at AND :before
        AND silent_since IS DISTINCT FROM last.received_at
    ORDER BY key
""")
_RECENT: Final = text("""
    SELECT received_at FROM deliveries WHERE channel = :channel AND id >= :first ORDER BY id DESC LIMIT :most
""")
_FIRST: Final = text("SELECT received_at FROM deliveries WHERE channel = :channel ORDER BY id LIMIT 1")
# A look into the index for each spell: however much was said in one, it costs the same.
_SPELLS: Final = text("""
    SELECT count(*) AS count FROM unnest(CAST(:begins AS uuid[]), CAST(:ends AS uuid[])) AS spell (begins, ends)
    WHERE EXISTS (SELECT FROM deliveries WHERE channel = :channel AND id >= begins AND id < ends)
""")
# Once for each silence, however many workers look: the second finds it reported. Whoever has spoken meanwhile is not silent.
_REPORT: Final = text("""
    UPDATE channels SET silent_since = :since
    WHERE key = :channel AND silent_since IS DISTINCT FROM :since AND enabled AND deleted_at IS NULL
        AND NOT EXISTS (SELECT FROM deliveries WHERE deliveries.channel = :channel AND id >= :next AND received_at > :since)
""")


async def quiet_channels(connection: AsyncConnection, *, before: datetime) -> list[dict[str, Any]]:
    """Return the channels that spoke last before an instant and are not reported yet."""
    return await fetch(connection, _QUIET, before=before)


async def recent(connection: AsyncConnection, channel: str, *, first: UUID, most: int) -> Sequence[datetime]:
    """Return when the last deliveries with ids from ``first`` on were received, the latest first."""
    rows = await fetch(connection, _RECENT, channel=channel, first=first, most=most)
    return [row["received_at"] for row in rows]


async def first_received(connection: AsyncConnection, channel: str) -> datetime:
    """Return when a channel's very first delivery was received."""
    first: datetime = (await fetch(connection, _FIRST, channel=channel))[0]["received_at"]
    return first


async def spells(connection: AsyncConnection, channel: str, *, edges: Sequence[UUID]) -> int:
    """Return in how many of the spells between these ids there were deliveries."""
    values = {"channel": channel, "begins": list(edges[:-1]), "ends": list(edges[1:])}
    count: int = (await fetch(connection, _SPELLS, **values))[0]["count"]
    return count


async def report(connection: AsyncConnection, channel: str, *, since: datetime, next_id: UUID) -> bool:
    """Note that a channel is reported as silent; False if it was already, or has spoken after ``since``."""
    values = {"channel": channel, "since": since, "next": next_id}
    return bool((await connection.execute(_REPORT, values)).rowcount)
