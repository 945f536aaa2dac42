"""The SQL of our own tasks that follow the change feed, each from where it left off."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.core.ids import NIL
from service.outbound.store import Place, read_horizon

_BEGIN: Final = text(
    """INSERT INTO feed_cursors (name, position, sequence, event_id, updated_at)
    VALUES (:name, 0, 0, :nil, :now) ON CONFLICT (name) DO NOTHING"""
)
_TAKE: Final = text("SELECT position, sequence, event_id FROM feed_cursors WHERE name = :name FOR UPDATE SKIP LOCKED")
_KEEP: Final = text(
    """UPDATE feed_cursors SET position = :position, sequence = :sequence, event_id = :event_id, updated_at = :now
    WHERE name = :name"""
)
# What changed is only looked at where it decides: most updates tell of another contact, and of nothing else.
_CHANGES: Final = text(
    """SELECT position, sequence, id, lead_id, type, occurred_at, recorded_at,
        CASE WHEN :details OR type IN ('lead.merged', 'lead.unmerged') THEN CAST(data AS jsonb) - 'lead' END AS data
    FROM outbox
    WHERE (position, sequence, id) > (:position, :sequence, CAST(:event_id AS uuid)) AND position < :horizon
    AND (type = ANY(CAST(:types AS text[]))
        OR (type = 'lead.updated' AND CAST(data -> 'changed' AS jsonb) ?| CAST(:fields AS text[])))
    ORDER BY position, sequence, id LIMIT :limit"""
)


async def take_cursor(connection: AsyncConnection, name: str, *, now: datetime) -> Place | None:
    """Lock a follower's cursor and return it, or None while another process has it."""
    rows = await fetch(connection, _TAKE, name=name)
    if not rows:
        begun = await connection.execute(_BEGIN, {"name": name, "nil": NIL, "now": now})
        rows = await fetch(connection, _TAKE, name=name) if begun.rowcount else []
    return (rows[0]["position"], rows[0]["sequence"], rows[0]["event_id"]) if rows else None


async def keep_cursor(connection: AsyncConnection, name: str, place: Place, *, now: datetime) -> None:
    """Write down how far a follower has come."""
    position, sequence, event_id = place
    values = {"name": name, "position": position, "sequence": sequence, "event_id": event_id, "now": now}
    await connection.execute(_KEEP, values)


async def changes_after(
    connection: AsyncConnection,
    place: Place,
    *,
    types: Collection[str],
    fields: Collection[str],
    limit: int,
    details: bool = False,
) -> tuple[list[dict[str, Any]], Place]:
    """Return the next events of these types, and of updates that changed one of these fields; and the place to go on from.

    ``data`` is what they tell besides the lead; without ``details`` only merges have any.
    """
    # Read before the events: whatever is below it now is visible to the second statement.
    horizon = await read_horizon(connection)
    position, sequence, event_id = place
    rows = await fetch(
        connection,
        _CHANGES,
        position=position,
        sequence=sequence,
        event_id=event_id,
        horizon=horizon,
        types=list(types),
        fields=list(fields),
        limit=limit,
        details=details,
    )
    last: tuple[int, int, UUID] = (
        (rows[-1]["position"], rows[-1]["sequence"], rows[-1]["id"]) if len(rows) == limit else (horizon, 0, NIL)
    )
    return rows, max(place, last)


async def end_of_feed(connection: AsyncConnection) -> Place:
    """Return the place behind every event that can be seen by now, for a follower whom none of them concerns."""
    return (await read_horizon(connection), 0, NIL)
