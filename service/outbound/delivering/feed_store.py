"""The SQL that reads events to be delivered: the next of the feed, those that are due again, and one that was read too long ago."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.core.ids import NIL
from service.outbound.store import Place

_EVENT: Final = (
    "o.position, o.sequence, o.id, o.lead_id, o.type, o.occurred_at, o.recorded_at, o.data::text AS data, o.traceparent"
)
_QUEUED: Final = "q.endpoint_id, q.attempts, q.step, q.ordered, q.next_at"
_NEXT: Final = text(
    f"""SELECT {_EVENT} FROM outbox o
    WHERE (o.position, o.sequence, o.id) > (:position, :sequence, CAST(:event_id AS uuid)) AND o.position < :horizon
    ORDER BY o.position, o.sequence, o.id LIMIT :limit"""
)
_BETWEEN: Final = text(
    f"""SELECT {_EVENT} FROM outbox o
    WHERE (o.position, o.sequence, o.id) > (:position, :sequence, CAST(:event_id AS uuid))
        AND (o.position, o.sequence, o.id) <= (:end_position, :end_sequence, CAST(:end_event_id AS uuid))
    ORDER BY o.position, o.sequence, o.id LIMIT :limit"""
)
_AGAIN: Final = text(f"SELECT {_EVENT} FROM outbox o WHERE o.lead_id = :lead_id AND o.id = :event_id")
_DUE: Final = text(
    f"""SELECT {_EVENT}, {_QUEUED} FROM unnest(CAST(:ids AS uuid[]), CAST(:rooms AS integer[])) AS mine (id, room)
    CROSS JOIN LATERAL (SELECT * FROM webhook_queue
        WHERE endpoint_id = mine.id AND state = 'pending' AND next_at <= :now ORDER BY next_at LIMIT mine.room) q
    JOIN outbox o ON o.lead_id = q.lead_id AND o.id = q.event_id
    ORDER BY q.next_at"""
)
# Whatever waits behind what is due now: it goes right after it, and need not be found due itself.
_BEHIND: Final = text(
    f"""SELECT {_EVENT}, {_QUEUED} FROM unnest(CAST(:ids AS uuid[]), CAST(:leads AS uuid[])) AS head (id, lead)
    CROSS JOIN LATERAL (SELECT * FROM webhook_queue
        WHERE endpoint_id = head.id AND lead_id = head.lead AND state = 'pending' AND ordered AND next_at IS NULL
        ORDER BY position, sequence, event_id LIMIT :limit) q
    JOIN outbox o ON o.lead_id = q.lead_id AND o.id = q.event_id
    ORDER BY q.position, q.sequence, q.event_id"""
)
_LONGEST_UNTRIED: Final = text(
    f"""SELECT {_EVENT}, {_QUEUED} FROM (SELECT * FROM webhook_queue
        WHERE endpoint_id = :id AND state = 'pending' AND next_at IS NOT NULL ORDER BY updated_at LIMIT 1) q
    JOIN outbox o ON o.lead_id = q.lead_id AND o.id = q.event_id"""
)
_HELD: Final = text(
    """SELECT DISTINCT lead_id FROM webhook_queue
    WHERE endpoint_id = :id AND lead_id = ANY(CAST(:leads AS uuid[])) AND state = 'pending' AND ordered"""
)

# The place so many events before the end: those after it fit into memory.
_NEAR_END: Final = text(
    """SELECT position, sequence, id FROM outbox
    WHERE position < :horizon ORDER BY position DESC, sequence DESC, id DESC OFFSET :count LIMIT 1"""
)

Row = dict[str, Any]
Rows = list[Row]


async def next_events(connection: AsyncConnection, after: Place, *, horizon: int, limit: int) -> Rows:
    """Return the events after a place and below a position."""
    return await fetch(connection, _NEXT, **_after(after), horizon=horizon, limit=limit)


async def place_near_end(connection: AsyncConnection, *, horizon: int, count: int) -> Place:
    """Return the place that so many events are behind; the beginning of the feed if there are fewer."""
    rows = await fetch(connection, _NEAR_END, horizon=horizon, count=count)
    return (rows[0]["position"], rows[0]["sequence"], rows[0]["id"]) if rows else (0, 0, NIL)


async def events_between(connection: AsyncConnection, after: Place, *, end: Place, limit: int) -> Rows:
    """Return the events after a place, up to another one and with it."""
    bounds = {"end_position": end[0], "end_sequence": end[1], "end_event_id": end[2]}
    return await fetch(connection, _BETWEEN, **_after(after), **bounds, limit=limit)


async def read_again(connection: AsyncConnection, lead_id: UUID, event_id: UUID) -> dict[str, Any] | None:
    """Return one event as it is now: the person it tells of may have been erased since."""
    rows = await fetch(connection, _AGAIN, lead_id=lead_id, event_id=event_id)
    return rows[0] if rows else None


async def due(connection: AsyncConnection, rooms: Mapping[UUID, int], *, now: datetime) -> Rows:
    """Return what is due of endpoints that have room for so many."""
    return await fetch(connection, _DUE, ids=list(rooms), rooms=list(rooms.values()), now=now)


async def behind(connection: AsyncConnection, heads: Sequence[tuple[UUID, UUID]], *, limit: int) -> Rows:
    """Return what waits behind the first events of endpoints' leads, at most ``limit`` of each."""
    ids, leads = [endpoint for endpoint, _ in heads], [lead for _, lead in heads]
    return await fetch(connection, _BEHIND, ids=ids, leads=leads, limit=limit)


async def longest_untried(connection: AsyncConnection, endpoint_id: UUID) -> dict[str, Any] | None:
    """Return the event that waits for its next try and was tried the longest ago, due or not."""
    rows = await fetch(connection, _LONGEST_UNTRIED, id=endpoint_id)
    return rows[0] if rows else None


async def held_leads(connection: AsyncConnection, endpoint_id: UUID, leads: Collection[UUID]) -> set[UUID]:
    """Return those of the leads that have an earlier event waiting at an endpoint."""
    rows = await fetch(connection, _HELD, id=endpoint_id, leads=list(leads))
    return {row["lead_id"] for row in rows}


def _after(place: Place) -> dict[str, Any]:
    return {"position": place[0], "sequence": place[1], "event_id": place[2]}
