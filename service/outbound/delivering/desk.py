"""What the lanes of a dispatcher share: the sender, the journal, the end of the feed, and ways to read from the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock
from service.outbound.delivering import feed_store
from service.outbound.delivering.events import Event, event_of
from service.outbound.delivering.journal import Journal
from service.outbound.delivering.line import Entry
from service.outbound.delivering.window import Window
from service.outbound.sending.answers import Answer, Outgoing
from service.outbound.store import Place

# Lanes that lag read by themselves, so many at a time.
_READERS: Final = 3
BATCH: Final = 100


class Sends(Protocol):
    """What sends: `service.outbound.sending.sender.Sender`."""

    async def send(self, outgoing: Outgoing, /) -> Answer:
        """Send it and return what came of it; raises nothing but cancellation."""


class Desk:
    """One per dispatcher."""

    def __init__(self, engine: AsyncEngine, sender: Sends) -> None:
        self.sender = sender
        self.journal = Journal()
        self.window = Window()
        self._engine = engine
        self._readers = asyncio.Semaphore(_READERS)

    async def events_between(self, after: Place, end: Place, *, limit: int) -> list[Event]:
        """Return the next events after a place and up to another one, at most so many."""
        async with self._readers, self.reader() as connection:
            rows = await feed_store.events_between(connection, after, end=end, limit=limit)
        read_at = asyncio.get_running_loop().time()
        return [event_of(row, read_at) for row in rows]

    async def held_leads(self, endpoint_id: UUID, leads: Collection[UUID]) -> set[UUID]:
        """Return those of the leads that have an earlier event waiting at an endpoint."""
        if not leads:
            return set()
        async with self._readers, self.reader() as connection:
            return await feed_store.held_leads(connection, endpoint_id, leads)

    async def read_again(self, event: Event) -> Event | None:
        """Return an event as it is now."""
        async with self._readers, self.reader() as connection:
            row = await feed_store.read_again(connection, event.lead_id, event.id)
        return None if row is None else event_of(row, asyncio.get_running_loop().time())

    async def due(self, endpoint_id: UUID) -> Entry | None:
        """Return the first of an endpoint's queue that is due."""
        async with self._readers, self.reader() as connection:
            rows = await feed_store.due(connection, {endpoint_id: 1}, now=clock.now())
        return queued_entry(rows[0]) if rows else None

    async def longest_untried(self, endpoint_id: UUID) -> Entry | None:
        """Return the one of an endpoint's queue that was tried the longest ago, due or not."""
        async with self._readers, self.reader() as connection:
            row = await feed_store.longest_untried(connection, endpoint_id)
        return None if row is None else queued_entry(row)

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection of which each statement is its own transaction."""
        async with self._engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")


def queued_entry(row: feed_store.Row) -> Entry:
    """Return what the queue has as an event on its way."""
    event = event_of(row, asyncio.get_running_loop().time())
    return Entry(event, attempts=row["attempts"], step=row["step"], ordered=row["ordered"], next_at=row["next_at"])
