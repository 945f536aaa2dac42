"""The change feed: every event in order, and a cursor behind which nothing ever appears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps
from service.core.errors import Invalid, NotFound
from service.core.http import paging
from service.core.ids import NIL
from service.outbound import store
from service.outbound.catalogue import EVENT_TYPES
from service.outbound.events import event_out
from service.outbound.schemas import EventQuery, FeedQuery
from service.outbound.store import Place

START: Final[Place] = (0, 0, NIL)
# An event id is 36 characters with its hyphens, 32 without; no cursor is that short.
_LONGEST_ID: Final = 36


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a reader wants: of these types, or of any if there are none; of this lead, or of all."""

    types: frozenset[str] = frozenset()
    lead_id: UUID | None = None

    @property
    def filters(self) -> Mapping[str, Any]:
        """What a cursor is bound to."""
        return {"type": sorted(self.types) or None, "lead_id": self.lead_id}

    def takes(self, entry: Entry) -> bool:
        """Tell whether an event is one of them."""
        row = entry.row
        return (not self.types or row["type"] in self.types) and self.lead_id in (None, row["lead_id"])


class Entry:
    """An event where it stands in the feed."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.place: Place = (row["position"], row["sequence"], row["id"])

    @cached_property
    def shown(self) -> dict[str, Any]:
        """The event as readers see it."""
        return event_out(self.row)

    @cached_property
    def text(self) -> str:
        """The same as one line of JSON, made once for however many are told of it."""
        return dumps(self.shown)


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the feed: the next events of a reader, and the place up to which it has seen all that it wants."""

    entries: Sequence[Entry]
    seen: Place


def wanted_by(query: FeedQuery) -> Wanted:
    """Return which events are asked for, or raise `Invalid` when there are none of such a type."""
    unknown = sorted(set(query.type) - EVENT_TYPES.keys())
    if unknown:
        raise Invalid("?type", f"there is no event type {unknown[0]}; there are {', '.join(EVENT_TYPES)}")
    return Wanted(frozenset(query.type), query.lead_id)


async def read_feed(connection: AsyncConnection, query: EventQuery) -> dict[str, Any]:
    """Return the next events and the cursor to go on from; an empty page gives the way on as well."""
    wanted = wanted_by(query)
    place = await place_of(connection, query.after, wanted)
    part = await read_after(connection, place, wanted, limit=query.limit)
    return page(part, place, wanted)


async def read_after(connection: AsyncConnection, place: Place, wanted: Wanted, *, limit: int) -> Part:
    """Return the next events after a place.

    Only events below the horizon are shown: those of transactions older than every one that still runs. So an event that is committed
    later than its neighbours has not been passed by any reader.
    """
    # Read before the events: whatever is below it now is visible to the second statement.
    horizon = await store.read_horizon(connection)
    return await read_below(connection, place, wanted, horizon=horizon, limit=limit)


async def read_below(connection: AsyncConnection, place: Place, wanted: Wanted, *, horizon: int, limit: int) -> Part:
    """Return the next events after a place, below a horizon that an earlier statement has read."""
    rows = await store.read_feed(
        connection, after=place, before=horizon, types=wanted.types, lead_id=wanted.lead_id, limit=limit
    )
    entries = [Entry(row) for row in rows]
    return Part(entries, entries[-1].place if len(entries) == limit else max(place, (horizon, 0, NIL)))


def page(part: Part, place: Place, wanted: Wanted) -> dict[str, Any]:
    """Return some of the feed, which was read from a place on, as the page that a client gets."""
    after = part.entries[-1].place if part.entries else place
    if wanted.types:
        # Everything below the horizon was looked through: whoever waits for a rare type need not do that again.
        after = max(after, part.seen)
    return {"data": [entry.shown for entry in part.entries], "next_cursor": cursor_of(after, wanted)}


def cursor_of(place: Place, wanted: Wanted) -> str:
    """Return the cursor of a place, for one who wants these events."""
    return paging.encode(place, wanted.filters)


def place_in(after: str | None, wanted: Wanted, *, pointer: str = "?after") -> Place | None:
    """Return the place that a cursor names (no cursor: the start), None for an event's id; raises `Invalid` for what is neither."""
    if after is None:
        return START
    if _event_id(after) is not None:
        return None
    try:
        position, sequence, identifier = paging.decode(after, wanted.filters, int, int, UUID)
    except Invalid as fault:
        raise Invalid(pointer, fault.detail, code=fault.code) from None
    return (position, sequence, identifier)


async def place_of(connection: AsyncConnection, after: str | None, wanted: Wanted, *, pointer: str = "?after") -> Place:
    """Return the place that a cursor or an event's id names, or raise `Invalid`; see `place_in`."""
    place = place_in(after, wanted, pointer=pointer)
    if place is not None:
        return place
    assert after is not None
    row = await store.read_event(connection, UUID(after))
    if row is None:
        raise Invalid(pointer, f"there is no event {after}", code="invalid_cursor")
    return Entry(row).place


async def read_event(connection: AsyncConnection, event_id: UUID) -> dict[str, Any]:
    """Return one event, or raise `NotFound`."""
    row = await store.read_event(connection, event_id)
    if row is None:
        raise NotFound(f"there is no event {event_id}")
    return event_out(row)


def _event_id(after: str) -> UUID | None:
    try:
        return UUID(after) if len(after) <= _LONGEST_ID else None
    except ValueError:
        return None
