"""The SQL of endpoints as people see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.outbound.endpoints.tables import attempts, endpoints, queue, replays
from service.outbound.tables import outbox

Row = dict[str, Any]
Rows = list[Row]

_FIGURES: Final = text(
    """SELECT
        (SELECT count(*) FROM webhook_queue WHERE endpoint_id = e.id AND state = 'pending') AS waiting,
        (SELECT count(*) FROM webhook_queue WHERE endpoint_id = e.id AND state = 'failed') AS failed,
        (SELECT recorded_at FROM outbox o WHERE (o.position, o.sequence, o.id) > (e.position, e.sequence, e.event_id)
            ORDER BY o.position, o.sequence, o.id LIMIT 1) AS undecided_since
    FROM webhook_endpoints e WHERE e.id = :id"""
)
# Ids are given in the order of time, and positions very nearly: the first few thousand have the lowest position there can be.
_FIRST_PLACE: Final = text(
    """SELECT min(position) AS position FROM (SELECT position FROM outbox WHERE id >= :first ORDER BY id LIMIT 5000) AS o"""
)
_RESEND: Final = text(
    """INSERT INTO webhook_queue (endpoint_id, lead_id, event_id, position, sequence, state, ordered, attempts, step, next_at,
        created_at, updated_at)
    SELECT id, :lead_id, :event_id, :position, :sequence, 'pending', false, 0, 0, :now, :now, :now
    FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
    ON CONFLICT (endpoint_id, lead_id, event_id) DO UPDATE SET state = 'pending', step = 0, next_at = :now, updated_at = :now,
        ordered = webhook_queue.ordered AND webhook_queue.state = 'pending'"""
)
_NOTICE: Final = text("UPDATE webhook_endpoints SET revision = revision + 1 WHERE id = ANY(CAST(:ids AS uuid[]))")


async def insert_endpoint(connection: AsyncConnection, row: Mapping[str, Any]) -> Row:
    """Add an endpoint."""
    return (await fetch(connection, insert(endpoints).values(row).returning(endpoints)))[0]


async def read_endpoint(connection: AsyncConnection, endpoint_id: UUID, *, lock: bool = False) -> Row | None:
    """Return an endpoint that is not deleted, or None."""
    statement: Select[Any] = select(endpoints).where(endpoints.c.id == endpoint_id, endpoints.c.deleted_at.is_(None))
    rows = await fetch(connection, statement.with_for_update() if lock else statement)
    return rows[0] if rows else None


async def update_endpoint(connection: AsyncConnection, endpoint_id: UUID, values: Mapping[str, Any]) -> Row:
    """Change an endpoint, and let its worker notice."""
    changed = {**values, "revision": endpoints.c.revision + 1}
    statement = update(endpoints).where(endpoints.c.id == endpoint_id).values(changed).returning(endpoints)
    return (await fetch(connection, statement))[0]


async def list_endpoints(connection: AsyncConnection, *, status: str | None, after: UUID | None, limit: int) -> Rows:
    """Return endpoints, the oldest first."""
    statement: Select[Any] = select(endpoints).where(endpoints.c.deleted_at.is_(None))
    if status is not None:
        statement = statement.where(endpoints.c.status == status)
    if after is not None:
        statement = statement.where(endpoints.c.id > after)
    return await fetch(connection, statement.order_by(endpoints.c.id).limit(limit))


async def enabled_endpoints(connection: AsyncConnection) -> Rows:
    """Return every endpoint that is on."""
    return await fetch(
        connection, select(endpoints).where(endpoints.c.deleted_at.is_(None), endpoints.c.status == "enabled")
    )


async def figures_of(connection: AsyncConnection, endpoint_id: UUID) -> Row:
    """Return how much waits for an endpoint: ``waiting, failed``, and ``undecided_since``, when the next event for it was recorded."""
    return (await fetch(connection, _FIGURES, id=endpoint_id))[0]


async def list_attempts(
    connection: AsyncConnection, endpoint_id: UUID, *, filters: Mapping[str, Any], before: UUID | None, limit: int
) -> Rows:
    """Return tries, the latest first; filters: ``event_id, outcome, status``, each None for any."""
    statement: Select[Any] = select(attempts).where(attempts.c.endpoint_id == endpoint_id)
    if (event_id := filters["event_id"]) is not None:
        # By its lead: a lead's attempts are found at once, those of an event are not.
        lead = select(outbox.c.lead_id).where(outbox.c.id == event_id).scalar_subquery()
        statement = statement.where(attempts.c.event_id == event_id, attempts.c.lead_id == lead)
    if filters["status"] is not None:
        statement = statement.where(attempts.c.status == filters["status"])
    if filters["outcome"] is not None:
        is_delivered = attempts.c.error.is_(None)
        statement = statement.where(is_delivered if filters["outcome"] == "delivered" else ~is_delivered)
    if before is not None:
        statement = statement.where(attempts.c.id < before)
    return await fetch(connection, statement.order_by(attempts.c.id.desc()).limit(limit))


async def insert_attempt(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Log a try."""
    await connection.execute(insert(attempts).values(row))


async def list_queue(
    connection: AsyncConnection, endpoint_id: UUID, *, state: str | None, after: Sequence[Any] | None, limit: int
) -> Rows:
    """Return what failed and what waits behind it, in the order of the feed, with the type of each event."""
    place = tuple_(queue.c.position, queue.c.sequence, queue.c.event_id)
    statement: Select[Any] = (
        select(queue, outbox.c.type.label("event_type"))
        .join(outbox, (outbox.c.lead_id == queue.c.lead_id) & (outbox.c.id == queue.c.event_id))
        .where(queue.c.endpoint_id == endpoint_id)
    )
    if state is not None:
        statement = statement.where(queue.c.state == state)
    if after is not None:
        statement = statement.where(place > tuple_(*after))
    ordered = statement.order_by(queue.c.position, queue.c.sequence, queue.c.event_id)
    return await fetch(connection, ordered.limit(limit))


async def resend(connection: AsyncConnection, event: Mapping[str, Any], ids: Sequence[UUID], *, now: datetime) -> None:
    """Let an event be due at endpoints, whatever became of it before."""
    place = {name: event[name] for name in ("lead_id", "position", "sequence")}
    await connection.execute(_RESEND, {**place, "event_id": event["id"], "ids": list(ids), "now": now})
    await connection.execute(_NOTICE, {"ids": list(ids)})


async def first_position(connection: AsyncConnection, first: UUID) -> int | None:
    """Return a position that no event has gone below whose id is not below ``first``; None if there is none."""
    position: int | None = (await fetch(connection, _FIRST_PLACE, first=first))[0]["position"]
    return position


async def insert_replay(connection: AsyncConnection, row: Mapping[str, Any]) -> Row:
    """Add a replay, and let the endpoint's worker notice."""
    added = (await fetch(connection, insert(replays).values(row).returning(replays)))[0]
    await connection.execute(_NOTICE, {"ids": [row["endpoint_id"]]})
    return added


async def open_replays(connection: AsyncConnection, endpoint_id: UUID) -> Rows:
    """Return the replays of an endpoint that have not ended."""
    statement: Select[Any] = select(replays).where(replays.c.endpoint_id == endpoint_id)
    return await fetch(connection, statement.where(replays.c.finished_at.is_(None)).order_by(replays.c.id))
