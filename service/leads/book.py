"""The book: all that one transaction does to leads, gathered in memory and written at once.

Every way in uses it, one lead or a thousand: take the leads (locked), move them, `flush`. So a transition, its journey's milestones, its
share of the statistics and its event are always written together, and there is no second write path that could forget one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import new_id
from service.leads import store
from service.leads.counting import Deltas, share_of
from service.leads.duplicates.pairs import Pairs
from service.leads.entries import Entry, refuse_gone
from service.leads.errors import LeadMerged, LeadNotFound
from service.leads.lives import journey_of, journey_row, life_of, number_before, projection
from service.leads.present import activity_out, lead_out, transition_out
from service.lifecycle.ledger import Journey, Life, Replayed, Step, Transition, advance
from service.lifecycle.machine import STARTS_JOURNEY
from service.outbound.events import event_row

__all__ = ["Book", "Entry", "refuse_gone"]


class Book:
    """The leads a transaction works on. ``actor`` is who it acts for.

    ``now`` is the transaction's one reading of the clock, or the last change of a lead in the book if that was later.
    """

    def __init__(self, connection: AsyncConnection, *, now: datetime, actor: str) -> None:
        self.connection = connection
        self.now = now
        self.actor = actor
        self.entries: dict[UUID, Entry] = {}
        # Leads that were given identities which are suppressed.
        self.held: set[UUID] = set()
        self._deltas = Deltas()
        self.pairs = Pairs()
        # New leads that were stamped: their versions, and their rows by table, as `wire` has them.
        self.stamped: dict[UUID, int] = {}
        self.wired: defaultdict[str, list[bytes]] = defaultdict(list)
        self._changed: dict[UUID, Entry] = {}
        self._journeys: dict[tuple[UUID, int], tuple[Entry, Journey]] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("transitions", "touchpoints", "activities", "corrections", "consents", "outbox")
        }

    async def take(self, ids: Collection[UUID]) -> None:
        """Lock leads and take them into the book; ids that do not exist are not taken."""
        missing = [lead_id for lead_id in ids if lead_id not in self.entries]
        if missing:
            for row, journey in await store.lock_leads(self.connection, missing):
                self.open(row, journey)

    def open(self, row: dict[str, Any], journey: Mapping[str, Any]) -> Entry:
        """Take a lead into the book as it was read."""
        entry = self.entries[row["id"]] = Entry(row, life_of(row, journey), is_new=False)
        entry.entered_as[journey["number"]] = journey["entered_as"]
        # Whoever wrote to the lead while we waited for its lock read the clock after us: what is recorded later must say so.
        self.now = max(self.now, row["updated_at"])
        return entry

    async def take_one(self, lead_id: UUID) -> Entry:
        """Lock one lead that is to be changed; raises `LeadNotFound`, `LeadErased` or `LeadMerged`."""
        await self.take([lead_id])
        entry = self.entries.get(lead_id)
        if entry is None:
            raise LeadNotFound(f"there is no lead {lead_id}")
        await self.refuse_gone(entry)
        return entry

    async def refuse_gone(self, entry: Entry) -> None:
        """Raise `LeadErased` or `LeadMerged`, which names the lead that the person is now, however many merges later."""
        if entry.row["merged_into"] is not None and entry.row["erased_at"] is None:
            raise LeadMerged(entry.id, await store.read_survivor(self.connection, entry.id))
        refuse_gone(entry.row)

    def create(self, row: dict[str, Any], life: Life, step: Step) -> Entry:
        """Add a new lead to the book and acquire it; ``row`` has every column but those the ledger gives."""
        transition = advance(life, step, now=self.now)
        entry = Entry(row, life, is_new=True)
        entry.counted_as.clear()
        row |= {"version": 0, "acquired_at": transition.occurred_at}
        self.entries[entry.id] = entry
        self._changed[entry.id] = entry
        self._record(entry, transition, left=None)
        return entry

    def move(self, entry: Entry, step: Step, *, touchpoint: dict[str, Any] | None = None) -> dict[str, Any]:
        """Move a lead by one step and return the ledger's new row; raises a `LifecycleError` and changes nothing if that is not legal.

        ``touchpoint`` is what moved it, without a time: it happens with the move, and the move's event knows of it.
        """
        left = entry.life.journey
        transition = advance(entry.life, step, now=self.now)
        if touchpoint is not None:
            self.touch(entry, touchpoint | {"occurred_at": transition.occurred_at})
        return self._record(entry, transition, left=left)

    def _record(self, entry: Entry, transition: Transition, *, left: Journey | None) -> dict[str, Any]:
        journey = entry.life.journey
        assert journey is not None
        row = self._ledger_row(entry, transition)
        self._rows["transitions"].append(row)
        self._journeys[entry.id, journey.number] = (entry, journey)
        entry.enter(journey.number)
        if not entry.row["test"]:
            self._deltas.count_move(row, left=left, entered=journey)
        entry.row |= projection(entry.life)
        if transition.step.amount is not None:
            entry.row |= {"amount": transition.step.amount, "currency": transition.step.currency}
        kind = "lead.created" if row["sequence"] == 1 else "lead.stage_changed"
        self.announce(entry, kind, {"transition": transition_out(row)}, at=row["occurred_at"], transition_id=row["id"])
        return row

    def _ledger_row(self, entry: Entry, transition: Transition, *, correction_id: UUID | None = None) -> dict[str, Any]:
        step = transition.step
        starts = transition.event in STARTS_JOURNEY
        return {
            "lead_id": entry.id,
            "id": new_id(),
            "sequence": transition.sequence,
            "journey": transition.journey,
            "event": str(transition.event),
            "from_stage": transition.from_stage,
            "to_stage": transition.to_stage,
            "skipped": list(transition.skipped),
            "reason": step.reason,
            "category": step.category,
            "note": step.note,
            "amount": step.amount,
            "currency": step.currency,
            "channel": step.channel if starts else None,
            "campaign": step.campaign if starts else None,
            "actor": self.actor,
            "occurred_at": transition.occurred_at,
            "previous_at": transition.previous_at,
            "recorded_at": self.now,
            "correction_id": correction_id,
            "superseded_at": None,
            "superseded_by": None,
        }

    def touch(self, entry: Entry, touchpoint: dict[str, Any]) -> None:
        """Add a touchpoint; whoever calls announces it."""
        self._rows["touchpoints"].append(
            {"lead_id": entry.id, "id": new_id(), "journey": entry.life.journey.number if entry.life.journey else 1}
            | touchpoint
            | {"recorded_at": self.now}
        )
        self._heard_of(entry, touchpoint["occurred_at"])

    def add_activity(self, entry: Entry, activity: dict[str, Any]) -> dict[str, Any]:
        """Add something the lead did and return it as the API shows it; whoever calls announces it."""
        number = entry.life.journey.number if entry.life.journey else 1
        row = {"lead_id": entry.id, "id": new_id(), "journey": number, "actor": self.actor, **activity}
        row["recorded_at"] = self.now
        self._rows["activities"].append(row)
        self._heard_of(entry, row["occurred_at"])
        return activity_out(row)

    def add_consent(self, consent: dict[str, Any]) -> None:
        """Add a word on a consent; whoever calls announces what it changed."""
        self._rows["consents"].append(consent)

    def _heard_of(self, entry: Entry, at: datetime) -> None:
        last = entry.row["last_activity_at"]
        entry.row["last_activity_at"] = max(last, at) if last else at

    def announce(
        self, entry: Entry, kind: str, data: Mapping[str, Any], *, at: datetime, transition_id: UUID | None = None
    ) -> None:
        """Write an event into the outbox: the lead's next version, as it stands now, and what changed."""
        entry.row["version"] += 1
        entry.row["updated_at"] = self.now
        if not entry.is_new:
            self._changed[entry.id] = entry
        self._rows["outbox"].append(
            event_row(
                lead_id=entry.id,
                type=kind,
                sequence=entry.row["version"],
                data={"lead": lead_out(entry.row), **data},
                occurred_at=at,
                recorded_at=self.now,
                transition_id=transition_id,
            )
        )

    async def correct(
        self,
        entry: Entry,
        *,
        old: Sequence[Mapping[str, Any]],
        new: Replayed,
        from_sequence: int,
        reason: str,
        cause: UUID | None = None,
        borrowed: Sequence[Mapping[str, Any]] | None = None,
    ) -> UUID:
        """Replace a ledger's tail: the old rows stay, superseded; journeys, statistics and the lead's row follow the new ones.

        ``cause`` is the merge that does it, or else a new correction; ``borrowed`` has, for each row of the new ledger, the columns that
        are not this writer's but those of whoever recorded the step first.
        """
        correction_id = cause or new_id()
        before = await self._counted_journeys(entry)
        await store.supersede(
            self.connection, entry.id, from_sequence=from_sequence, correction_id=correction_id, at=self.now
        )
        await store.drop_journeys_after(self.connection, entry.id, len(new.journeys))
        self._rows["corrections"].append(
            {
                "lead_id": entry.id,
                "id": correction_id,
                "from_sequence": from_sequence,
                "reason": reason,
                "actor": self.actor,
                "recorded_at": self.now,
            }
        )
        self._count_moves(entry, [row for row in old if row["sequence"] >= from_sequence], before, times=-1)
        if any(row["amount"] is not None for row in old[from_sequence - 1 :]):
            # What the superseded rows said of money is no longer so; what is left of the ledger decides.
            kept = next((one.step for one in reversed(new.transitions) if one.step.amount is not None), None)
            entry.row |= {"amount": kept and kept.amount, "currency": kept and kept.currency}
        self._rewrite(entry, new, from_sequence, correction_id, borrowed)
        return correction_id

    async def withdraw(self, entry: Entry, *, ledger: Sequence[Mapping[str, Any]], cause: UUID) -> None:
        """Take a lead's whole ledger back: its rows stay, superseded, and what they counted for is taken out of the statistics."""
        before = await self._counted_journeys(entry)
        await store.supersede(self.connection, entry.id, from_sequence=1, correction_id=cause, at=self.now)
        await store.uncount_journeys(self.connection, entry.id)
        self._count_moves(entry, ledger, before, times=-1)
        for key in entry.counted_as.values():
            self._deltas.count_journey(key, -1)
        entry.counted_as.clear()

    async def _counted_journeys(self, entry: Entry) -> dict[int, Journey]:
        rows = await store.read_journeys(self.connection, entry.id)
        known = {row["number"]: journey_of(row) for row in rows}
        entry.entered_as |= {row["number"]: row["entered_as"] for row in rows}
        entry.counted_as = {row["number"]: share_of(known[row["number"]]) for row in rows if row["counted"]}
        return known

    async def end_test(self, entry: Entry) -> None:
        """Count a lead that was a test until now, with all its journeys and moves; whoever calls announces it."""
        reasons = [reason for reason in entry.row["verdict_reasons"] if reason != "test"]
        entry.row |= {"test": False, "verdict_reasons": reasons}
        known, ledger = {}, list[Mapping[str, Any]]()
        if not entry.is_new:
            known = await self._counted_journeys(entry)
            ledger += await store.read_ledger(self.connection, entry.id)
        ledger += [row for row in self._rows["transitions"] if row["lead_id"] == entry.id]
        # The book's own journeys are further than the stored ones, and still move.
        known |= {number: journey for (lead_id, number), (_, journey) in self._journeys.items() if lead_id == entry.id}
        if entry.life.journey:
            known[entry.life.journey.number] = entry.life.journey
        self._journeys |= {(entry.id, number): (entry, journey) for number, journey in known.items()}
        entry.counted_as.clear()
        self._count_moves(entry, ledger, known)

    def _count_moves(
        self, entry: Entry, moves: Iterable[Mapping[str, Any]], journeys: Mapping[int, Journey], *, times: int = 1
    ) -> None:
        if entry.row["test"]:
            return
        for row in moves:
            entered = journeys[row["journey"]]
            left = None if row["from_stage"] is None else journeys.get(number_before(row), entered)
            self._deltas.count_move(row, left=left, entered=entered, times=times)

    def _rewrite(
        self,
        entry: Entry,
        new: Replayed,
        from_sequence: int,
        correction_id: UUID,
        borrowed: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        journeys = {journey.number: journey for journey in new.journeys}
        for number, key in entry.counted_as.items():
            if number not in journeys and not entry.row["test"]:
                self._deltas.count_journey(key, -1)
        entry.life = new.life
        first = new.transitions[0]
        came_from = {"channel": first.step.channel, "campaign": first.step.campaign}
        entry.row |= projection(new.life) | came_from | {"acquired_at": first.occurred_at}
        for journey in new.journeys:
            self._journeys[entry.id, journey.number] = (entry, journey)
        for transition in new.transitions[from_sequence - 1 :]:
            row = self._ledger_row(entry, transition, correction_id=correction_id)
            row |= borrowed[transition.sequence - 1] if borrowed else {}
            self._rows["transitions"].append(row)
            if row["amount"] is not None:
                entry.row |= {"amount": row["amount"], "currency": row["currency"]}
            self._count_moves(entry, [row], journeys)
            data = {"transition": transition_out(row), "correction_id": correction_id}
            self.announce(entry, "lead.stage_changed", data, at=row["occurred_at"], transition_id=row["id"])

    def versions_of(self, lead_id: UUID) -> tuple[int, int]:
        """Return the versions that a lead in the book had before and has now."""
        if lead_id in self.stamped:
            return 0, self.stamped[lead_id]
        entry = self.entries[lead_id]
        return entry.version_before, entry.row["version"]

    async def flush(self) -> None:
        """Write everything the book holds at once."""
        await store.flush(self.connection, self.gathered(), self.wired)

    def gathered(self) -> dict[str, Sequence[Mapping[str, Any]]]:
        """Return the rows of everything the book holds, as `store.flush` takes them. Only once: counting ends here."""
        journeys: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
        for entry, journey in self._journeys.values():
            counted, entered = not entry.row["test"], entry.enter(journey.number)
            journeys[entry.is_new].append(journey_row(entry.id, journey, counted=counted, entered=entered))
            self._count(entry, journey)
        new = [entry.row for entry in self._changed.values() if entry.is_new]
        changed = [entry.row for entry in self._changed.values() if not entry.is_new]
        return (
            self._rows
            | self._deltas.rows()
            | self.pairs.rows()
            | {"leads": new, store.CHANGED: changed, store.NEW_JOURNEYS: journeys[True], "journeys": journeys[False]}
        )

    def _count(self, entry: Entry, journey: Journey) -> None:
        if entry.row["test"]:
            return
        before = entry.counted_as.get(journey.number)
        if before is not None:
            self._deltas.count_journey(before, -1)
        self._deltas.count_journey(share_of(journey), 1)
