"""Where an endpoint's next events come from: the end of the feed in memory, a batch of its own, a replay, the queue."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import structlog

from service.core import clock
from service.core.ids import NIL
from service.outbound.delivering.desk import BATCH, Desk
from service.outbound.delivering.endpoint import Endpoint
from service.outbound.delivering.events import Event
from service.outbound.delivering.line import Entry, Line, Replay
from service.outbound.delivering.turns import Turns
from service.outbound.store import Place

_log = structlog.get_logger(__name__)

_ROOM: Final = 256
_ROOM_FOR_REPLAYS: Final = 32
_LITTLE: Final = 32
_AFTER_FAULT_SECONDS: Final = 1.0


class Supply(ABC):
    """What waits for one endpoint, and what of it is held because an earlier event of its lead failed."""

    def __init__(self, endpoint: Endpoint, row: Mapping[str, Any], desk: Desk) -> None:
        self.endpoint = endpoint
        self.live = Line((row["position"], row["sequence"], row["event_id"]), room=_ROOM)
        self.replays: deque[Replay] = deque()
        # Whether to ask the queue, for what is due and for leads that are held: most endpoints have nothing there.
        self.has_queue = True
        # Whether there is something to be written down.
        self.changed = False
        # In hand from the queue, and those of them that are decided.
        self.in_queue: set[UUID] = set()
        self._decided: set[UUID] = set()
        # Leads of which an event failed: not written yet, being written, and written while the queue was asked for held leads.
        self._held: set[UUID] = set()
        self._held_writing: set[UUID] = set()
        self._held_lately: set[UUID] = set()
        self._asking = 0
        self._desk = desk
        self._turns = Turns()
        self._reading: asyncio.Task[None] | None = None

    @abstractmethod
    def tick(self) -> None:
        """Take what comes next, and send what may be sent."""

    @property
    def held(self) -> set[UUID]:
        """Return the leads of which something failed that an answer of the database may not tell yet."""
        return self._held | self._held_writing | self._held_lately

    def add_replay(self, row: Mapping[str, Any]) -> None:
        """Send a part of the feed again, after the replays that were asked for before."""
        if all(replay.id != row["id"] for replay in self.replays):
            self.replays.append(Replay(row, room=_ROOM_FOR_REPLAYS))

    def take_again(self, entry: Entry) -> None:
        """Take something of the queue in hand."""
        self.has_queue = True
        self.in_queue.add(entry.event.id)
        self._turns.add(entry)

    def _fill(self) -> None:
        window = self._desk.window
        behind = self.live.has_room and self.live.read < window.end
        if behind and not (self.has_queue or self.held) and window.reaches_back_to(self.live.read):
            self._accept(self.live, window.after(self.live.read), (), end=window.end)
            behind = False
        # Asking the database for more is for those who will soon be out of work, not for those who hang.
        behind = behind and self.live.waiting < _LITTLE
        replaying = self.replays and self.replays[0].has_room and self.replays[0].read < self.replays[0].end
        if (behind or replaying) and self._reading is None:
            self._reading = asyncio.create_task(self._read(live=behind))

    async def _read(self, *, live: bool) -> None:
        """Read what cannot be taken from memory alone."""
        try:
            if live:
                await self._read_line(self.live, self._desk.window.end)
            if self.replays and self.replays[0].has_room:
                await self._read_line(self.replays[0], self.replays[0].end)
        except Exception as error:  # noqa: BLE001 - it is read once more, a little later
            _log.warning("lane_could_not_read", endpoint_id=str(self.endpoint.id), error=type(error).__name__)
            await asyncio.sleep(_AFTER_FAULT_SECONDS)
        finally:
            self._reading = None
        self.tick()

    async def _read_line(self, line: Line, end: Place, *, room: int = BATCH, size: int = BATCH) -> None:
        window = self._desk.window
        if line is self.live and window.reaches_back_to(line.read):
            events = [event for _, event in zip(range(size), window.after(line.read), strict=False)]
        else:
            events = await self._desk.events_between(line.read, end, limit=size)
        # What follows the last of them is read next time.
        if len(events) == size:
            end = events[-1].place
        held = await self._ask_held(events) if self.has_queue or self.held else ()
        self._accept(line, events, held, end=end, room=room)

    async def _ask_held(self, events: Iterable[Event]) -> set[UUID]:
        """Return the leads that are held: those of the queue, and what fails or is written while we ask."""
        self._asking += 1
        try:
            found = await self._desk.held_leads(self.endpoint.id, {event.lead_id for event in events})
            return found | self.held
        finally:
            self._asking -= 1
            if not self._asking:
                self._held_lately = set()

    def _accept(
        self, line: Line, events: Iterable[Event], held: Iterable[UUID], *, end: Place, room: int = BATCH
    ) -> None:
        """Take events of a line: those that are wanted are added to what waits, or to the queue if their lead is held."""
        for event in events:
            if event.place <= line.read:
                # It was taken in the meantime, when there was no need to ask any more.
                continue
            if not line.has_room or not room:
                break
            if self._wants(line, event):
                room -= 1
                entry = line.entry(event)
                entry.ordered = event.lead_id != NIL
                if event.lead_id in held:
                    self._hold(entry)
                else:
                    line.waiting += 1
                    self._turns.add(entry)
            line.passed(event.place)
        else:
            line.passed(end)

    def _wants(self, line: Line, event: Event) -> bool:
        try:
            return self.endpoint.wants(event) and line.wants(event)
        except Exception as error:  # noqa: BLE001
            # It fails once more when it is to be sent, and is then seen in the queue.
            _log.exception("event_not_judged", endpoint_id=str(self.endpoint.id), error=type(error).__name__)
            return True

    def _hold(self, entry: Entry) -> None:
        self._desk.journal.held(self.endpoint, entry.event, now=clock.now())
        self.has_queue = self.changed = True
        entry.decided()
