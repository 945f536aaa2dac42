"""The end of the change feed, watched by one task per process for everybody who waits there.

While somebody waits, the feed is read ten times a second, on from where it was read last. Whoever wants one of the events that came is
woken and takes them from memory: a thousand readers cost the database what one of them costs. Nobody holds a connection while waiting.
What is remembered is a stretch of the feed without gaps; one who stands before it reads from the database until it has caught up.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import outage
from service.core.errors import Unavailable
from service.core.http.unit import connect
from service.core.ids import NIL
from service.outbound import store
from service.outbound.feed import START, Entry, Part, Wanted, read_below
from service.outbound.store import Place

_log = structlog.get_logger(__name__)

_EVERY: Final = 0.1
_BATCH: Final = 500
# For this long events are remembered for readers that are on their way back, and the feed is read when the last of them has left. It is
# short because what is remembered is not cleaned when a person is erased.
_LINGER: Final = 2.0
_MOST_REMEMBERED: Final = 2000
_LONGEST_PAUSE: Final = 5.0
# Readers that have fallen behind share a few connections; the pool is there for everybody.
_BEHIND_AT_ONCE: Final = 4
_FAREWELL: Final = 1.0

_EVERYTHING: Final = Wanted()

LISTENERS: Final = Gauge(
    "feed_listeners", "Readers that wait for events, or are streamed to", ["kind"], multiprocess_mode="livesum"
)


class TooManyListeners(Unavailable):
    """There are as many readers waiting in this process as it takes."""

    headers = {"Retry-After": "5"}  # noqa: RUF012  a constant like its base's


@dataclass(slots=True, eq=False)
class _Waiter:
    seen: Place
    wanted: Wanted
    woken: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one look at the feed found: everything up to a place."""

    entries: Sequence[Entry]
    upto: Place
    read_at: float
    types: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", frozenset(entry.row["type"] for entry in self.entries))

    def after(self, seen: Place, wanted: Wanted) -> Iterator[Entry]:
        """Yield what a reader wants of it."""
        if self.upto <= seen or (wanted.types and not wanted.types & self.types):
            return
        for entry in self.entries:
            if entry.place > seen and wanted.takes(entry):
                yield entry


class Tail:
    """Where readers wait for what is not there yet. One per process: ``app.state.tail``."""

    def __init__(self, engine: AsyncEngine, *, most: int) -> None:
        self.stopping = False
        self._engine = engine
        self._most = most
        self._taken = 0
        self._streams: set[asyncio.Timeout] = set()
        self._waiters: set[_Waiter] = set()
        self._task: asyncio.Task[None] | None = None
        self._behind = asyncio.Semaphore(_BEHIND_AT_ONCE)
        # The stretch of the feed that is remembered: everything after `_begin` and up to `_end`.
        self._batches: deque[_Batch] = deque()
        self._begin = self._end = START

    async def stop(self) -> None:
        """Let everybody go who waits or is told of what happens; whoever does not listen has a second to begin."""
        self.stopping = True
        self._wake(self._waiters)
        farewell = asyncio.get_running_loop().time() + _FAREWELL
        for patience in self._streams:
            patience.reschedule(farewell)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @contextmanager
    def seat(self, kind: Literal["wait", "stream"], patience: asyncio.Timeout | None = None) -> Iterator[None]:
        """Take one of the places there are for readers that stay, or raise `TooManyListeners`; `stop` cuts ``patience`` short."""
        if self.stopping or self._taken >= self._most:
            raise TooManyListeners("too many readers wait for events here; try again, or ask without waiting")
        self._taken += 1
        LISTENERS.labels(kind).inc()
        if patience is not None:
            self._streams.add(patience)
        try:
            yield
        finally:
            self._taken -= 1
            LISTENERS.labels(kind).dec()
            if patience is not None:
                self._streams.discard(patience)

    async def read(self, seen: Place, wanted: Wanted, *, limit: int, until: float) -> Part:
        """Return the next events after a place, as soon as there are any; an empty part when it is ``until`` (by the loop's clock)."""
        clock = asyncio.get_running_loop()
        while True:
            part = self._remembered(seen, wanted, limit) or await self._stored(seen, wanted, limit)
            if part.entries or self.stopping or clock.time() >= until:
                return part
            seen = await self._news(part.seen, wanted, until)

    def _remembered(self, seen: Place, wanted: Wanted, limit: int) -> Part | None:
        """Return the next events from memory, or None for one who stands before what is remembered, or when nobody watches."""
        if self._task is None or seen < self._begin:
            return None
        entries: list[Entry] = []
        for batch in self._batches:
            for entry in batch.after(seen, wanted):
                entries.append(entry)
                if len(entries) == limit:
                    return Part(entries, entry.place)
        return Part(entries, max(seen, self._end))

    async def _stored(self, seen: Place, wanted: Wanted, limit: int) -> Part:
        async with self._behind, aclosing(await connect(self._engine, isolation="AUTOCOMMIT")) as connection:
            horizon = await store.read_horizon(connection)
            part = await read_below(connection, seen, wanted, horizon=horizon, limit=limit)
        if self._task is None:
            self._end = (horizon, 0, NIL)
        return part

    async def _news(self, seen: Place, wanted: Wanted, until: float) -> Place:
        """Wait for an event after a place; return the place up to which there is none that is wanted."""
        if self._task is None:
            # Not from ``seen`` alone: nobody is kept from inventing a cursor that is ahead of everything.
            self._begin = self._end = min(seen, self._end)
            # Whoever happens to wait first is not whom the watch is for: it says nothing in that request's name.
            self._task = asyncio.get_running_loop().create_task(self._watch(), context=contextvars.Context())
        if seen < self._begin or any(_first(batch, seen, wanted) for batch in self._batches):
            return seen
        waiter = _Waiter(max(seen, self._end), wanted, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout_at(until):
                await waiter.woken
        except TimeoutError:
            # Both may happen at once: what it was woken for is not behind it.
            return waiter.seen if waiter.woken.done() else max(waiter.seen, self._end)
        finally:
            self._waiters.discard(waiter)
        return waiter.seen

    async def _watch(self) -> None:
        """Read the feed on while somebody waits; then forget it."""
        clock = asyncio.get_running_loop()
        pause, needed_at = _EVERY, clock.time()
        try:
            while clock.time() - needed_at < _LINGER:
                try:
                    full = await self._look(clock.time())
                except Exception as error:  # noqa: BLE001 - a fault must not end the watch: those who wait would wait in vain
                    _report(error)
                    pause, full = min(pause * 2, _LONGEST_PAUSE), False
                else:
                    pause = _EVERY
                self._forget(clock.time())
                if not full:
                    await asyncio.sleep(pause)
                if self._waiters:
                    needed_at = clock.time()
        finally:
            self._task = None
            self._batches.clear()

    async def _look(self, now: float) -> bool:
        """Read what came since the last look and wake those who want it; tell whether there may be more at once."""
        async with aclosing(await connect(self._engine, isolation="AUTOCOMMIT")) as connection:
            horizon = await store.read_horizon(connection)
            if (horizon, 0, NIL) <= self._end:
                return False
            part = await read_below(connection, self._end, _EVERYTHING, horizon=horizon, limit=_BATCH)
        self._end = part.seen
        if part.entries:
            batch = _Batch(part.entries, part.seen, now)
            self._batches.append(batch)
            self._wake(waiter for waiter in self._waiters if _first(batch, waiter.seen, waiter.wanted))
        return len(part.entries) == _BATCH

    def _forget(self, now: float) -> None:
        remembered = sum(len(batch.entries) for batch in self._batches)
        while self._batches and (remembered > _MOST_REMEMBERED or now - self._batches[0].read_at > _LINGER):
            oldest = self._batches.popleft()
            remembered -= len(oldest.entries)
            self._begin = oldest.upto

    @staticmethod
    def _wake(waiters: Iterable[_Waiter]) -> None:
        for waiter in waiters:
            if not waiter.woken.done():
                waiter.woken.set_result(None)


def _first(batch: _Batch, seen: Place, wanted: Wanted) -> Entry | None:
    return next(batch.after(seen, wanted), None)


def _report(error: Exception) -> None:
    if outage.retry_after(error) is None:
        _log.exception("tail_failed", error=type(error).__name__)
    else:
        _log.warning("tail_waits_for_database", error=type(error).__name__)
