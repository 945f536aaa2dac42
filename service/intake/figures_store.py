"""The SQL of a channel's figures: counted by index, and never a row read that does not have to be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch

_ADD_REFUSALS: Final = text("""
    INSERT INTO channel_refusals AS known (channel, day, code, count)
    SELECT channel, day, code, count FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS given (channel text, day date, code text, count bigint)
    ORDER BY channel, day, code
    ON CONFLICT (channel, day, code) DO UPDATE SET count = known.count + excluded.count
""")
_REFUSALS: Final = text("""
    SELECT code, CAST(sum(count) AS bigint) AS count FROM channel_refusals
    WHERE channel = :channel AND day >= :since GROUP BY code ORDER BY code
""")
_STORED: Final = text("""
    SELECT status, count(*) AS count FROM deliveries WHERE channel = :channel AND id >= :first GROUP BY status
""")
_LAST: Final = text("SELECT received_at FROM deliveries WHERE channel = :channel ORDER BY id DESC LIMIT 1")
# What waits is few, and has indexes of its own; asked for together with the channel, the planner may walk all of the channel's deliveries.
_WAITING: Final = """
    WITH waiting AS MATERIALIZED (
        SELECT channel, id FROM deliveries WHERE status = 'received'
        UNION ALL SELECT channel, id FROM deliveries WHERE status = 'pending_fetch'
    )"""
_WAITING_OF: Final = text(
    f"""{_WAITING}, oldest AS MATERIALIZED (
        SELECT count(*) AS pending, (array_agg(id ORDER BY id))[1] AS id FROM waiting WHERE channel = :channel)
    SELECT pending, received_at AS since FROM oldest LEFT JOIN deliveries USING (id)"""
)
_GAUGES: Final = text(
    f"""{_WAITING}, queues AS MATERIALIZED (
        SELECT channel, count(*) AS pending, (array_agg(id ORDER BY id))[1] AS id FROM waiting GROUP BY channel
    ), graves AS MATERIALIZED (SELECT channel, count(*) AS dead FROM deliveries WHERE status = 'dead' GROUP BY channel)
    SELECT channels.key AS channel, coalesce(queues.pending, 0) AS pending, deliveries.received_at AS since,
        coalesce(graves.dead, 0) AS dead
    FROM channels LEFT JOIN queues ON queues.channel = channels.key LEFT JOIN graves ON graves.channel = channels.key
        LEFT JOIN deliveries ON deliveries.id = queues.id
    WHERE channels.deleted_at IS NULL"""
)


async def add_refusals(connection: AsyncConnection, refusals: Mapping[tuple[str, date, str], int]) -> None:
    """Add to how often deliveries were refused: {(channel, day, code): count}. Rows are taken in one order everywhere."""
    rows = [
        {"channel": channel, "day": day, "code": code, "count": count}
        for (channel, day, code), count in refusals.items()
    ]
    await connection.execute(_ADD_REFUSALS, {"rows": dumps(rows)})


async def refusals_of(connection: AsyncConnection, channel: str, *, since: date) -> dict[str, int]:
    """Return how many deliveries were refused since a day, by reason."""
    return {row["code"]: row["count"] for row in await fetch(connection, _REFUSALS, channel=channel, since=since)}


async def stored_of(connection: AsyncConnection, channel: str, *, first: UUID) -> dict[str, int]:
    """Return how many deliveries have ids from ``first`` on, by status."""
    return {row["status"]: row["count"] for row in await fetch(connection, _STORED, channel=channel, first=first)}


async def last_received(connection: AsyncConnection, channel: str) -> datetime | None:
    """Return when a channel's last delivery was received."""
    rows = await fetch(connection, _LAST, channel=channel)
    return rows[0]["received_at"] if rows else None


async def waiting_of(connection: AsyncConnection, channel: str) -> dict[str, Any]:
    """Return how many deliveries wait (``pending``) and since when the oldest of them does (``since``)."""
    return (await fetch(connection, _WAITING_OF, channel=channel))[0]


async def gauges(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return every channel with what waits, since when, and what is dead: as much work as there is of these, not of deliveries."""
    return await fetch(connection, _GAUGES)
