"""The change feed: every event in order, and a cursor behind which nothing ever appears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid, NotFound
from service.core.http import paging
from service.core.ids import NIL
from service.outbound import store
from service.outbound.catalogue import EVENT_TYPES
from service.outbound.events import event_out
from service.outbound.schemas import EventQuery
from service.outbound.store import Place

_START: Final[Place] = (0, 0, NIL)
# An event id is 36 characters with its hyphens, 32 without; no cursor is that short.
_LONGEST_ID: Final = 36


async def read_feed(connection: AsyncConnection, query: EventQuery) -> dict[str, Any]:
    """Return the next events and the cursor to go on from; an empty page gives the way on as well.

    Only events below the horizon are shown: those of transactions older than every one that still runs. So an event that is committed
    later than its neighbours has not been passed by any reader.
    """
    unknown = sorted(set(query.type) - EVENT_TYPES.keys())
    if unknown:
        raise Invalid("?type", f"there is no event type {unknown[0]}; there are {', '.join(EVENT_TYPES)}")
    filters = {"type": sorted(set(query.type)) or None, "lead_id": query.lead_id}
    after = await _place(connection, query.after, filters)
    # Read before the events: whatever is below it now is visible to the second statement.
    horizon = await store.read_horizon(connection)
    rows = await store.read_feed(
        connection, after=after, before=horizon, types=query.type, lead_id=query.lead_id, limit=query.limit
    )
    if rows:
        after = (rows[-1]["position"], rows[-1]["sequence"], rows[-1]["id"])
    if query.type and len(rows) < query.limit:
        # Everything below the horizon was looked through: whoever waits for a rare type need not do that again.
        after = max(after, (horizon, 0, NIL))
    return {"data": [event_out(row) for row in rows], "next_cursor": paging.encode(after, filters)}


async def read_event(connection: AsyncConnection, event_id: UUID) -> dict[str, Any]:
    """Return one event, or raise `NotFound`."""
    row = await store.read_event(connection, event_id)
    if row is None:
        raise NotFound(f"there is no event {event_id}")
    return event_out(row)


async def _place(connection: AsyncConnection, after: str | None, filters: Mapping[str, Any]) -> Place:
    if after is None:
        return _START
    if (event_id := _event_id(after)) is not None:
        row = await store.read_event(connection, event_id)
        if row is None:
            raise Invalid("?after", f"there is no event {event_id}", code="invalid_cursor")
        return (row["position"], row["sequence"], row["id"])
    try:
        position, sequence, identifier = paging.decode(after, filters, int, int, UUID)
    except Invalid as fault:
        raise Invalid("?after", fault.detail, code=fault.code) from None
    return (position, sequence, identifier)


def _event_id(after: str) -> UUID | None:
    try:
        return UUID(after) if len(after) <= _LONGEST_ID else None
    except ValueError:
        return None
