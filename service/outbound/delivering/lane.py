"""One endpoint's deliveries: in order for each lead, as many at once as it takes, and no other endpoint's business.

::

    the end of the feed ─┐
    a batch of its own ──┼─► waiting in memory (a few) ─► in hand, one for each lead ─► journal
    the queue ───────────┘
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from service.core import clock
from service.outbound.delivering.desk import BATCH, Desk
from service.outbound.delivering.endpoint import Endpoint
from service.outbound.delivering.events import Event
from service.outbound.delivering.figures import DELIVERED, GIVEN_UP, RETRIED
from service.outbound.delivering.health import Health
from service.outbound.delivering.journal import Page
from service.outbound.delivering.line import Entry
from service.outbound.delivering.outcomes import Verdict, attempt_values, judged, lane_row, queue_row, replay_row
from service.outbound.delivering.supply import Supply
from service.outbound.delivering.window import FRESH_SECONDS
from service.outbound.formats.contract import Outcome
from service.outbound.sending.answers import Answer

_log = structlog.get_logger(__name__)

ROOM: Final = 128
_ROOM_FOR_REPLAYS: Final = 32
_IDLE_SECONDS: Final = 1.0
# Of the feed, for a probe: mostly the first one is wanted.
_PROBED: Final = 10


class Lane(Supply):
    """Delivers to one endpoint while its lease lasts. Made from the endpoint's row."""

    def __init__(self, endpoint: Endpoint, row: Mapping[str, Any], desk: Desk, *, valid_until: float) -> None:
        super().__init__(endpoint, row, desk)
        self.token: int = row["lease_token"]
        self.valid_until = valid_until
        self.leaving = False
        self.configure(endpoint, row)
        self._kept = self._cursors()
        self._running = 0
        self._next_slot = 0.0
        self._next_look = 0.0
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

    def tick(self) -> None:
        """Take what comes next, and send what may be sent."""
        if not self._may_send():
            return
        if not self.health.paused:
            self._fill()
        self._pump()

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
            if self._asking:
                self._held_lately |= self._held_writing
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
