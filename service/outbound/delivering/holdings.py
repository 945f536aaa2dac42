"""Which endpoints a dispatcher delivers to: its share of all there are, each by a lease that ends by itself if the process does."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.core.errors import ServiceError
from service.outbound.delivering import lease_store
from service.outbound.delivering.desk import Desk
from service.outbound.delivering.endpoint import Belongs, Choose, endpoint_of
from service.outbound.delivering.lane import Lane

_log = structlog.get_logger(__name__)

_LOOK_EVERY: Final = 0.5
# A segment may have been changed.
_JUDGE_EVERY: Final = 10.0
_QUEUE_EVERY: Final = 5.0
# Nothing is begun in the last part of a lease: another process may take it the moment it ends.
_MARGIN: Final = 0.1


class Holdings:
    """Keeps the lanes of a dispatcher: one for each endpoint that it holds."""

    def __init__(
        self, engine: AsyncEngine, me: UUID, desk: Desk, lanes: dict[UUID, Lane], choose: Choose, *, lease: float
    ) -> None:
        self._engine = engine
        self._me = me
        self._desk = desk
        self._lanes = lanes
        self._choose = choose
        self._lease = lease
        self._filters: dict[UUID, tuple[str | None, Mapping[str, Any] | None]] = {}
        self._next_look = self._next_renewal = 0.0
        self._next_judging = self._next_queue = 0.0

    async def keep(self, *, at_once: bool = False) -> None:
        """Renew the leases, take what is free, hand on what is too much, and heed what people changed."""
        time = asyncio.get_running_loop().time()
        if not at_once and time < self._next_look:
            return
        self._next_look = time + min(_LOOK_EVERY, self._lease / 6)
        if time >= self._next_renewal:
            await self._renew(time)
            self._next_renewal = time + self._lease / 3
        async with self._desk.reader() as connection:
            seen = {row["id"]: row for row in await lease_store.look(connection, self._me, lease=self._lease)}
        await self.drop([id_ for id_ in self._lanes if id_ not in seen or not seen[id_]["mine"]])
        for id_, lane in self._lanes.items():
            lane.leaving = lane.leaving or not seen[id_]["enabled"]
        await self._heed(seen)
        await self._take_share(list(seen.values()), time)
        await self._look_around(time)

    async def drop(self, ids: Iterable[UUID]) -> None:
        """Stop delivering to endpoints that another process has by now."""
        for id_ in list(ids):
            if (lane := self._lanes.pop(id_, None)) is not None:
                self._filters.pop(id_, None)
                await lane.stop()

    async def release(self, ids: Collection[UUID]) -> None:
        """Give endpoints back."""
        if ids:
            held = {id_: self._lanes[id_].token for id_ in ids}
            async with transaction(self._engine) as connection:
                await lease_store.release(connection, self._me, held)
            await self.drop(ids)

    async def leave(self) -> None:
        """Say that this dispatcher is no longer at work."""
        async with transaction(self._engine) as connection:
            await lease_store.leave(connection, self._me)

    async def _renew(self, time: float) -> None:
        held = {id_: lane.token for id_, lane in self._lanes.items()}
        async with transaction(self._engine) as connection:
            await lease_store.show_up(connection, self._me, lease=self._lease)
            ours = await lease_store.renew(connection, self._me, held, lease=self._lease) if held else set()
        for id_ in ours:
            self._lanes[id_].valid_until = time + self._lease * (1 - _MARGIN)
        await self.drop(held.keys() - ours)

    async def _take_share(self, seen: list[dict[str, Any]], time: float) -> None:
        enabled = [row for row in seen if row["enabled"]]
        if not enabled:
            return
        share = -(-len(enabled) // max(enabled[0]["dispatchers"], 1))
        staying = [lane for lane in self._lanes.values() if not lane.leaving]
        for lane in staying[share:]:
            lane.leaving = True
        free = sum(row["free"] for row in enabled)
        if len(staying) < share and free:
            async with transaction(self._engine) as connection:
                limit = share - len(staying)
                rows = await lease_store.take(connection, self._me, limit=limit, lease=self._lease)
                await self._add(connection, rows, time)

    async def _add(self, connection: AsyncConnection, rows: list[dict[str, Any]], time: float) -> None:
        valid_until = time + self._lease * (1 - _MARGIN)
        for row in rows:
            belongs, fault = await self._judge_of(connection, row)
            lane = Lane(endpoint_of(row, belongs), row, self._desk, valid_until=valid_until)
            self._lanes[row["id"]] = lane
            if fault is not None:
                lane.disable("misconfigured", clock.now())
        await self._add_replays(connection, [row["id"] for row in rows])

    async def _heed(self, seen: Mapping[UUID, Mapping[str, Any]]) -> None:
        changed = [id_ for id_, lane in self._lanes.items() if lane.endpoint.revision != seen[id_]["revision"]]
        if not changed:
            return
        async with self._desk.reader() as connection:
            for row in await lease_store.read(connection, self._me, changed):
                lane = self._lanes[row["id"]]
                belongs, fault = await self._judge_of(connection, row)
                lane.configure(endpoint_of(row, belongs), row)
                if fault is not None:
                    lane.disable("misconfigured", clock.now())
            await self._add_replays(connection, changed)

    async def _add_replays(self, connection: AsyncConnection, ids: list[UUID]) -> None:
        for row in await lease_store.open_replays(connection, ids) if ids else ():
            self._lanes[row["endpoint_id"]].add_replay(row)

    async def _look_around(self, time: float) -> None:
        """Look now and then at what changes by itself: segments, and queues that have become empty."""
        if time >= self._next_queue:
            self._next_queue = time + _QUEUE_EVERY
            asked = [id_ for id_, lane in self._lanes.items() if lane.has_queue and not lane.held]
            if asked:
                async with self._desk.reader() as connection:
                    waiting = await lease_store.with_queue(connection, asked)
                for id_ in asked:
                    lane = self._lanes[id_]
                    lane.has_queue = id_ in waiting or bool(lane.held) or lane.changed
        if time >= self._next_judging:
            self._next_judging = time + _JUDGE_EVERY
            await self._judge_again()

    async def _judge_again(self) -> None:
        for id_, (segment, filters) in list(self._filters.items()):
            if segment is not None and (lane := self._lanes.get(id_)) is not None and not lane.leaving:
                async with self._desk.reader() as connection:
                    belongs, fault = await self._judge_of(
                        connection, {"id": id_, "segment": segment, "filters": filters}
                    )
                lane.endpoint = replace(lane.endpoint, belongs=belongs)
                if fault is not None:
                    lane.disable("misconfigured", clock.now())

    async def _judge_of(
        self, connection: AsyncConnection, row: Mapping[str, Any]
    ) -> tuple[Belongs | None, Exception | None]:
        """Return what judges leads for an endpoint; a segment that was deleted is a fault: nothing is sent until it is mended."""
        segment, filters = row["segment"], row["filters"]
        self._filters[row["id"]] = (segment, filters)
        if segment is None and not filters:
            return None, None
        try:
            return await self._choose(connection, segment, filters), None
        except (ServiceError, ValidationError) as fault:
            _log.warning("endpoint_misconfigured", endpoint_id=str(row["id"]), segment=segment)
            return None, fault
