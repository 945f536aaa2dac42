"""`leads verify`: do the invariants of the lifecycle hold on this very database?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import verify_store
from service.leads.counting import journey_cell
from service.leads.lives import journey_of
from service.lifecycle.errors import LifecycleError
from service.lifecycle.ledger import Journey, Life, replay, step_of

_MOST: Final = 20
_PROJECTED: Final = ("stage", "furthest_stage", "stage_entered_at", "sequence")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that should always hold and does not."""

    rule: str
    where: str


async def verify(connection: AsyncConnection, *, now: datetime) -> AsyncIterator[Violation]:
    """Yield every violation found, at most twenty of a kind; the connection should hold one repeatable-read snapshot.

    Ledgers are replayed through the machine in a stream: memory stays flat however many leads there are.
    """
    for rule, check in verify_store.CHECKS:
        for row in await verify_store.run_check(connection, check, most=_MOST):
            yield Violation(rule, ", ".join(f"{name}={value}" for name, value in row.items()))
    found = 0
    async for lead, ledger, journeys in _lives(connection):
        for rule in _faults_of(lead, ledger, journeys, now):
            found += 1
            if found <= _MOST:
                yield Violation(rule, f"lead_id={lead['id']}")


async def _lives(connection: AsyncConnection) -> AsyncIterator[tuple[Row, list[Row], list[Row]]]:
    """Walk leads, ledgers and journeys side by side: three streams in the order of lead ids."""
    ledgers, journeys = (
        _Grouped(verify_store.stream(connection, "ledgers")),
        _Grouped(verify_store.stream(connection, "journeys")),
    )
    async for lead in verify_store.stream(connection, "leads"):
        yield lead, await ledgers.of(lead["id"]), await journeys.of(lead["id"])


class _Grouped:
    """A stream of rows sorted by lead id, read one lead at a time."""

    def __init__(self, rows: AsyncIterator[dict[str, Any]]) -> None:
        self._rows = rows
        self._next: Row | None = None

    async def of(self, lead_id: Any) -> list[Row]:
        """Return the rows of this lead; rows of leads before it are passed over."""
        group: list[Row] = []
        while True:
            row = self._next or await anext(self._rows, None)
            if row is None or row["lead_id"] > lead_id:
                self._next = row
                return group
            self._next = None
            if row["lead_id"] == lead_id:
                group.append(row)


def _faults_of(lead: Row, ledger: Sequence[Row], journeys: Sequence[Row], now: datetime) -> list[str]:
    if lead["merged_into"] is not None:
        # Its ledger is the survivor's; a check of its own says so if some of it is left.
        return []
    if lead["erased_at"] is not None and not ledger:
        # The import that made it was reverted: its ledger was taken back whole, and its journeys must not count.
        return [] if not journeys or not any(row["counted"] for row in journeys) else ["a withdrawn lead still counts"]
    if [row["sequence"] for row in ledger] != list(range(1, len(ledger) + 1)):
        return ["the ledger's sequence numbers have a gap"]
    # What the lead lacks today it may have had then: a replay asks only whether every step was legal.
    try:
        replayed = replay(map(step_of, ledger), now=max([now, *(row["occurred_at"] for row in ledger)]), life=Life())
    except LifecycleError as fault:
        return [f"the ledger is not legal: {fault.detail}"]
    faults = [
        f"replaying the ledger gives another {name}"
        for name in _PROJECTED
        if getattr(replayed.life, name) != lead[name]
    ]
    if (replayed.life.journey.number if replayed.life.journey else 0) != lead["journey"]:
        faults.append("replaying the ledger gives another journey number")
    if ledger and ledger[0]["occurred_at"] != lead["acquired_at"]:
        faults.append("replaying the ledger gives another acquired_at")
    for row, transition in zip(ledger, replayed.transitions, strict=True):
        if (row["to_stage"], row["from_stage"], tuple(row["skipped"]), row["journey"], row["previous_at"]) != (
            transition.to_stage,
            transition.from_stage,
            transition.skipped,
            transition.journey,
            transition.previous_at,
        ):
            faults.append(f"transition {row['sequence']} is not what the machine makes of its event")
    return faults + _journey_faults(journeys, replayed.journeys)


def _journey_faults(rows: Sequence[Row], replayed: Sequence[Journey]) -> list[str]:
    if [journey_of(row) for row in rows] != list(replayed):
        return ["replaying the ledger gives other journeys or milestones"]
    if [row["cell"] for row in rows] != [journey_cell(journey) for journey in replayed]:
        return ["a journey is counted in the wrong cell"]
    return []
