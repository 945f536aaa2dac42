"""One endpoint's deliveries: in order for each lead, as many at once as it takes, and no other endpoint's business.

::

    the end of the feed ─┐
    a batch of its own ──┼─► waiting in memory (a few) ─► in hand, one for each lead ─► journal
    the queue ───────────┘
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from service.core import clock
from service.core.ids import NIL
from service.outbound.delivering.desk import BATCH, Desk
from service.outbound.delivering.endpoint import Endpoint
from service.outbound.delivering.events import Event
from service.outbound.delivering.figures import DELIVERED, GIVEN_UP, RETRIED
from service.outbound.delivering.health import Health
from service.outbound.delivering.journal import Page
from service.outbound.delivering.line import Entry, Line, Replay
from service.outbound.delivering.outcomes import Verdict, attempt_values, judged, lane_row, queue_row, replay_row
from service.outbound.delivering.turns import Turns
from service.outbound.delivering.window import FRESH_SECONDS
from service.outbound.formats.contract import Outcome
from service.outbound.sending.answers import Answer
from service.outbound.store import Place

_log = structlog.get_logger(__name__)

ROOM: Final = 128
_ROOM_FOR_REPLAYS: Final = 32
_IDLE_SECONDS: Final = 1.0
# Of the feed, for a probe: mostly the first one is wanted.
_PROBED: Final = 10


class Lane:
    """Delivers to one endpoint while its lease lasts. Made from the endpoint's row."""

    def __init__(self, endpoint: Endpoint, row: Mapping[str, Any], desk: Desk, *, valid_until: float) -> None:
        self.token: int = row["lease_token"]
        self.valid_until = valid_until
        self.live = Line((row["position"], row["sequence"], row["event_id"]), room=ROOM)
        self.replays: deque[Replay] = deque()
        self.leaving = False
        self.changed = False
        self._kept: tuple[Any, ...] = (self.live.cursor, ())
        self.configure(endpoint, row)
        # In hand from the queue; leads of which an event failed that is not written yet, and is being written.
        self.in_queue: set[UUID] = set()
        self._held: set[UUID] = set()
        self._held_writing: set[UUID] = set()
        self._decided: set[UUID] = set()
        self._desk = desk
        self._turns = Turns()
        self._running = 0
        self._next_slot = 0.0
        self._next_look = 0.0
        self._reading: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def configure(self, endpoint: Endpoint, row: Mapping[str, Any]) -> None:
        """Go by what was set just now."""
        self.endpoint = endpoint
        # Something may have been put there to be sent once more.
        self.has_queue = True
        self.health = Health(
            endpoint.concurrency,
            row["failing_since"],
            row["failures"],
            row["probes"],
            row["resume_at"],
            row["last_success_at"],
        )

    def add_replay(self, row: Mapping[str, Any]) -> None:
        """Send a part of the feed again, after the replays that were asked for before."""
        if all(replay.id != row["id"] for replay in self.replays):
            self.replays.append(Replay(row, room=_ROOM_FOR_REPLAYS))

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is in hand."""
        return self._running == 0 and self._reading is None

    @property
    def is_done(self) -> bool:
        """Return whether there is nothing to do: a pause that lasts is nothing to do, too."""
        if self.health.paused:
            return self.is_idle and not self.health.may_probe(clock.now())
        return self.is_idle and not (self._turns or self.replays) and self.live.read >= self._desk.window.end

    @property
    def room_for_queue(self) -> int:
        """Return how much of the queue may be taken in hand."""
        if not self._may_send() or self.health.paused:
            return 0
        return max(2 * self.health.limit - self._turns.again, 0)

    @property
    def held(self) -> set[UUID]:
        """Return the leads of which something failed that cannot be read in the queue yet."""
        return self._held | self._held_writing

    def tick(self) -> None:
        """Take what comes next, and send what may be sent."""
        if not self._may_send():
            return
        if not self.health.paused:
            self._fill()
        self._pump()

    def take_again(self, entry: Entry) -> None:
        """Take something of the queue in hand."""
        self.has_queue = True
        self.in_queue.add(entry.event.id)
        self._turns.add(entry)

    @property
    def has_moved(self) -> bool:
        """Return whether a cursor has moved since it was written."""
        return self._cursors() != self._kept

    def write_into(self, page: Page) -> None:
        """Write how far this lane has come, and how its endpoint is, into a page that holds everything that was told to the journal."""
        page.endpoints[self.endpoint.id] = lane_row(self.endpoint, self.token, self.live, self.health)
        for replay in self.replays:
            page.replays[replay.id] = replay_row(self.endpoint, replay, now=clock.now())
        page.written.append(self._turn_page())

    def _cursors(self) -> tuple[Any, ...]:
        return (self.live.cursor, tuple((replay.cursor, replay.has_ended) for replay in self.replays))

    def _turn_page(self) -> Callable[[], None]:
        self.changed = False
        self._kept = self._cursors()
        self._held_writing, self._held = self._held | self._held_writing, set()
        decided, self._decided = self._decided, set()
        ended = {replay.id for replay in self.replays if replay.has_ended}

        def written() -> None:
            self._held_writing = set()
            self.in_queue -= decided
            while self.replays and self.replays[0].id in ended:
                self.replays.popleft()

        return written

    async def stop(self) -> None:
        """Let go of everything; what was sent and not answered is sent again by whoever is next."""
        self.leaving = True
        tasks = [*self._tasks, *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _may_send(self) -> bool:
        return not self.leaving and asyncio.get_running_loop().time() < self.valid_until

    # Taking

    def _fill(self) -> None:
        window = self._desk.window
        behind = self.live.has_room and self.live.read < window.end
        if behind and not (self.has_queue or self.held) and window.reaches_back_to(self.live.read):
            self._accept(self.live, window.after(self.live.read), (), end=window.end)
            behind = False
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
            await asyncio.sleep(_IDLE_SECONDS)
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
        held = self.held
        if self.has_queue or held:
            # What fails while we ask is in neither the answer nor what was held before.
            held |= await self._desk.held_leads(self.endpoint.id, {event.lead_id for event in events})
            held |= self.held
        self._accept(line, events, held, end=end, room=room)

    def _accept(
        self, line: Line, events: Iterable[Event], held: Iterable[UUID], *, end: Place, room: int = BATCH
    ) -> None:
        """Take events of a line: those that are wanted are added to what waits, or to the queue if their lead is held."""
        for event in events:
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

    # Sending

    def _pump(self) -> None:
        if self.health.paused:
            time = asyncio.get_running_loop().time()
            if self._running == 0 and time >= self._next_look and self.health.may_probe(clock.now()):
                self._next_look = time + _IDLE_SECONDS
                self._spawn(self._probe())
            return
        for _ in range(min(self.health.limit - self._running, len(self._turns))):
            self._spawn(self._serve())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._running += 1
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("lane_failed", endpoint_id=str(self.endpoint.id), error=type(error).__name__, exc_info=error)

    async def _serve(self) -> None:
        while self._may_send() and not self.health.paused and self._running <= self.health.limit:
            entry = self._turns.next()
            if entry is None:
                break
            await self._deliver(entry)
            if self._turns.none_is_new and self.live.read < self._desk.window.end:
                self._fill()

    async def _probe(self) -> None:
        """Send one message, to see how the endpoint is: new ones and those of the queue in turn."""
        due_first = self.health.probes % 2 == 1
        entry = await self._queued(due=True) if due_first else None
        entry = entry or await self._new()
        entry = entry or (None if due_first else await self._queued(due=True)) or await self._queued(due=False)
        if entry is not None and self._may_send():
            entry.probe = True
            await self._deliver(entry)

    async def _new(self) -> Entry | None:
        if (entry := self._turns.next()) is not None:
            return entry
        size = _PROBED
        while self.live.has_room and self.live.read < (end := self._desk.window.end):
            await self._read_line(self.live, end, room=1, size=size)
            if (entry := self._turns.next()) is not None:
                return entry
            size = BATCH
        return None

    async def _queued(self, *, due: bool) -> Entry | None:
        ask = self._desk.due if due else self._desk.longest_untried
        entry = await ask(self.endpoint.id)
        if entry is None or entry.event.id in self.in_queue or self._turns.has(entry.event.lead_id):
            return None
        self._turns.seize(entry)
        self.in_queue.add(entry.event.id)
        return entry

    async def _deliver(self, entry: Entry) -> None:
        loop = asyncio.get_running_loop()
        if self.endpoint.rate is not None:
            slot = max(loop.time(), self._next_slot)
            self._next_slot = slot + 1 / self.endpoint.rate
            await asyncio.sleep(slot - loop.time())
            if not self._may_send() or (self.health.paused and not entry.probe):
                self._turns.put_back(entry)
                return
        if loop.time() - entry.event.read_at > FRESH_SECONDS:
            entry.event = await self._desk.read_again(entry.event) or entry.event
        at = clock.now()
        answer, outcome = await self._send(entry.event, at)
        self._decide(entry, answer, outcome, at)

    async def _send(self, event: Event, at: datetime) -> tuple[Answer | None, Outcome]:
        try:
            outgoing = self.endpoint.outgoing(event, at=at)
            if outgoing is None:
                return None, Outcome("delivered")
            answer = await self._desk.sender.send(outgoing)
            return answer, self.endpoint.format.outcome_of(answer)
        except Exception as error:  # noqa: BLE001 - one message's fault is no other's
            _log.exception(
                "delivery_broke", endpoint_id=str(self.endpoint.id), event_id=str(event.id), error=type(error).__name__
            )
            return Answer(None, None, 0), Outcome("retry", "internal_error")

    # Deciding

    def _decide(self, entry: Entry, answer: Answer | None, outcome: Outcome, at: datetime) -> None:
        """Remember what came of a try, and go on with the lead's next event, or let it wait."""
        now, journal = clock.now(), self._desk.journal
        verdict = judged(entry, outcome, now=now)
        if answer is not None:
            journal.attempt(*attempt_values(self.endpoint, entry, answer, outcome, verdict, at=at))
        (DELIVERED if verdict.delivered else RETRIED if verdict.next_at else GIVEN_UP).inc()
        if verdict.delivered:
            if answer is not None and self.health.succeeded(now, probe=entry.probe):
                journal.recovered(self.endpoint)
            if entry.line is not self.live:
                journal.delivered(self.endpoint, entry.event)
        else:
            first, wait = entry.attempts == 0, outcome.wait
            self.health.failed(now, first=first, probe=entry.probe, slow=outcome.slow_down, wait=wait)
            journal.failed(self.endpoint, entry.event, queue_row(entry, outcome, verdict, answer, now=now))
            self.has_queue = True
            if outcome.verdict == "disable":
                self.disable("gone", now)
            elif self.health.is_given_up(now):
                self.disable("failing", now)
        self._settle(entry, verdict)

    def disable(self, reason: str, now: datetime) -> None:
        """Switch the endpoint off."""
        self.leaving = True
        self.changed = True
        since = self.health.failing_since or now
        self._desk.journal.disabled(self.endpoint, reason=reason, since=since, at=now)

    def _settle(self, entry: Entry, verdict: Verdict) -> None:
        lead_id, blocks = entry.event.lead_id, verdict.next_at is not None and entry.ordered
        self.changed = True
        if blocks:
            self._held.add(lead_id)
            for behind in self._turns.give_up(entry):
                self._let_wait(behind)
        else:
            self._turns.go_on(entry)
        if entry.line is None:
            self._decided.add(entry.event.id)
        else:
            entry.line.waiting -= 1
            entry.decided()

    def _let_wait(self, entry: Entry) -> None:
        """Let an event behind a failed one of its lead wait in the queue."""
        if entry.line is None:
            self.in_queue.discard(entry.event.id)
        else:
            entry.line.waiting -= 1
            self._hold(entry)
