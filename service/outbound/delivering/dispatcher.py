"""The dispatcher: takes its share of the endpoints, delivers to each in a lane of its own, and writes down what came of it.

Two rounds go on side by side. One reads: the end of the feed, for all lanes at once, and what is due of the queue. The other one writes: what
came of the deliveries, in one transaction for all lanes, and which endpoints are ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock, outage
from service.core.database import transaction
from service.core.ids import new_id
from service.outbound.delivering import feed_store, journal
from service.outbound.delivering.desk import Desk, Sends, queued_entry
from service.outbound.delivering.endpoint import Choose
from service.outbound.delivering.holdings import Holdings
from service.outbound.delivering.lane import Lane

_log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.1
_DUE_EVERY: Final = 0.5
_KEEP_EVERY: Final = 2.0
_LONGEST_PAUSE: Final = 5.0
# How long what is in hand may take when the dispatcher is to stop; what is not answered then is sent again by the next one.
_LAST_ANSWERS_SECONDS: Final = 5.0
_BEHIND_EACH: Final = 20


class Dispatcher:
    """Delivers events to endpoints until it is stopped. One per process; ``lease`` is in seconds."""

    def __init__(self, engine: AsyncEngine, sender: Sends, choose: Choose, *, lease: float = LEASE_SECONDS) -> None:
        self.id = new_id()
        self._engine = engine
        self._desk = Desk(engine, sender)
        self._lanes: dict[UUID, Lane] = {}
        self._holdings = Holdings(engine, self.id, self._desk, self._lanes, choose, lease=lease)
        self._page: journal.Page | None = None
        self._begun = False
        self._next_due = 0.0
        self._next_keep = 0.0
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Deliver until `stop`; returns 0, for there is nothing left to be done then."""
        try:
            await asyncio.gather(self._repeat(self._read), self._repeat(self._write))
        finally:
            await self._leave()
        return 0

    def stop(self) -> None:
        """Ask `run` to return soon."""
        self._stopping.set()

    async def settle(self) -> int:
        """Deliver all that can be delivered now, let go of the endpoints, and return how many were tried."""
        before = self._desk.journal.tried
        try:
            await self._holdings.keep(at_once=True)
            while await self._is_busy():  # noqa: ASYNC110 - many things may be what is waited for
                await asyncio.sleep(0.001)
        finally:
            await self._leave()
        return self._desk.journal.tried - before

    async def _is_busy(self) -> bool:
        more = await self._read(at_once=True)
        in_hand = any(not lane.is_done or lane.in_queue for lane in self._lanes.values())
        written = await self._flush()
        await self._let_go()
        return more or in_hand or written

    async def _repeat(self, work: Callable[[], Awaitable[Any]]) -> None:
        pause = _PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                await work()
                pause = _PAUSE_SECONDS
            except Exception as error:  # noqa: BLE001 - nothing may end deliveries but a stop
                pause = min(pause * 2, _LONGEST_PAUSE)
                if outage.retry_after(error) is None:
                    _log.exception("dispatcher_failed", error=type(error).__name__)
                else:
                    _log.warning("dispatcher_waits_for_database", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    # Reading

    async def _read(self, *, at_once: bool = False) -> bool:
        """Read what there is to deliver and hand it to the lanes; returns whether anything was found."""
        if not self._lanes:
            return False
        time, window, found = asyncio.get_running_loop().time(), self._desk.window, False
        async with self._desk.reader() as connection:
            if not self._begun:
                await window.begin(connection, min(lane.live.read for lane in self._lanes.values()))
                self._begun = True
            while any(window.is_near_its_end(lane.live.read) for lane in self._lanes.values()):
                more = await window.read_on(connection)
                self._tick()
                found = found or more
                if not more:
                    break
            if at_once or time >= self._next_due:
                self._next_due = time + _DUE_EVERY
                found = await self._take_due(connection) or found
        window.forget()
        self._tick()
        return found

    def _tick(self) -> None:
        for lane in self._lanes.values():
            lane.tick()

    async def _take_due(self, connection: Any) -> bool:
        lanes = dict(self._lanes)
        rooms = {id_: room for id_, lane in lanes.items() if lane.has_queue and (room := lane.room_for_queue)}
        if not rooms:
            return False
        # What is decided while we ask may be in the answer as it was before.
        taken = {id_: set(lanes[id_].in_queue) for id_ in rooms}
        rows = await feed_store.due(connection, rooms, now=clock.now())
        rows = [row for row in rows if row["id"] not in taken[row["endpoint_id"]]]
        heads = [(row["endpoint_id"], row["lead_id"]) for row in rows if row["ordered"]]
        behind = await feed_store.behind(connection, heads, limit=_BEHIND_EACH) if heads else []
        # From here on nothing else happens until all of it is taken in hand: what is behind must not come without what it is behind of.
        heard = set()
        for row in rows:
            lane = lanes[row["endpoint_id"]]
            if row["id"] not in lane.in_queue:
                lane.take_again(queued_entry(row))
                heard.add((row["endpoint_id"], row["lead_id"]))
        for row in behind:
            if (row["endpoint_id"], row["lead_id"]) in heard:
                lanes[row["endpoint_id"]].take_again(queued_entry(row))
        return bool(heard)

    # Writing

    async def _write(self) -> None:
        await self._holdings.keep()
        await self._flush()
        await self._let_go()

    async def _flush(self, *, everything: bool = False) -> bool:
        """Write what came of deliveries; returns whether there was anything."""
        if self._page is None:
            self._page = self._turn(everything=everything)
        page = self._page
        if not page:
            self._page = None
            return False
        try:
            async with transaction(self._engine) as connection:
                ours = await journal.write(connection, page, self.id, now=clock.now())
        except Exception as error:
            if outage.retry_after(error) is None:
                # It will not be better the next time. Whoever takes these endpoints next begins where the database says.
                self._page = None
                await self._holdings.drop(list(page.endpoints))
            raise
        self._page = None
        for written in page.written:
            written()
        lost = [id_ for id_, row in page.endpoints.items() if id_ not in ours and self._has(id_, row["token"])]
        await self._holdings.drop(lost)
        return True

    def _has(self, endpoint_id: UUID, token: int) -> bool:
        return endpoint_id in self._lanes and self._lanes[endpoint_id].token == token

    def _turn(self, *, everything: bool) -> journal.Page:
        """Return what is to be written; cursors that merely passed what nobody wanted are written every other second."""
        time = asyncio.get_running_loop().time()
        if keep := everything or time >= self._next_keep:
            self._next_keep = time + _KEEP_EVERY
        page = self._desk.journal.turn()
        for lane in self._lanes.values():
            if lane.changed or (keep and lane.has_moved):
                lane.write_into(page)
        return page

    async def _let_go(self) -> None:
        """Give back the endpoints that are switched off or another one's share, when nothing of them is in hand."""
        idle = [id_ for id_, lane in self._lanes.items() if lane.leaving and lane.is_idle and not lane.changed]
        await self._holdings.release(idle)

    async def _leave(self) -> None:
        for lane in self._lanes.values():
            lane.leaving = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LAST_ANSWERS_SECONDS
        while loop.time() < deadline and not all(lane.is_idle for lane in self._lanes.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))
        with suppress(Exception):
            while await self._flush(everything=True):
                pass
            await self._holdings.release(list(self._lanes))
            await self._holdings.leave()
