"""The end of the feed, held in memory: an event is read and written once, however many endpoints get it."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import NIL
from service.outbound.delivering import feed_store
from service.outbound.delivering.events import Event, event_of
from service.outbound.store import Place, read_horizon

PAGE: Final = 500
_MOST: Final = 4000
# Nothing is sent that was read longer ago: the person it tells of may have been erased since.
FRESH_SECONDS: Final = 10.0


class Window:
    """The latest events, without a gap from ``start`` to ``end``. Whoever is before it reads by himself until he has caught up."""

    def __init__(self) -> None:
        self.start: Place = (0, 0, NIL)
        self.end: Place = (0, 0, NIL)
        self._events: list[Event] = []
        self._places: list[Place] = []

    async def begin(self, connection: AsyncConnection, earliest: Place) -> None:
        """Begin where the first of the lanes stands, or not too far before the end."""
        horizon = await read_horizon(connection)
        near = await feed_store.place_near_end(connection, horizon=horizon, count=_MOST // 2)
        self.start = self.end = max(near, earliest)

    def reaches_back_to(self, place: Place) -> bool:
        """Return whether everything after a place is here."""
        return place >= self.start

    def is_near_its_end(self, place: Place) -> bool:
        """Return whether less than a page is left after a place."""
        return len(self._places) <= PAGE or place >= self._places[-PAGE]

    def after(self, place: Place) -> Iterator[Event]:
        """Yield the events after a place that are here."""
        if place >= self.end:
            return iter(())
        return iter(self._events[bisect_right(self._places, place) :])

    async def read_on(self, connection: AsyncConnection) -> bool:
        """Read what has come since; returns whether there may be more already."""
        # Read before the events: whatever is below it now is visible to the second statement.
        horizon = await read_horizon(connection)
        rows = await feed_store.next_events(connection, self.end, horizon=horizon, limit=PAGE)
        self._add(rows)
        if len(rows) == PAGE:
            return True
        self.end = max(self.end, (horizon, 0, NIL))
        return False

    def forget(self) -> None:
        """Let go of what was read too long ago."""
        if not self._events:
            self.start = self.end
            return
        oldest = asyncio.get_running_loop().time() - FRESH_SECONDS
        if self._events[0].read_at < oldest:
            kept = next((n for n, event in enumerate(self._events) if event.read_at >= oldest), len(self._events))
            self._drop(kept)

    def _add(self, rows: list[dict[str, Any]]) -> None:
        read_at = asyncio.get_running_loop().time()
        for row in rows:
            event = event_of(row, read_at)
            self._events.append(event)
            self._places.append(event.place)
        if rows:
            self.end = self._places[-1]
        if len(self._events) > _MOST:
            self._drop(len(self._events) - _MOST)

    def _drop(self, count: int) -> None:
        self.start = self._places[count - 1]
        del self._events[:count], self._places[:count]
