"""Correcting: late news and mistakes. A ledger gets a new tail; the rows it had stay, superseded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.leads import store
from service.leads.book import Book, Entry
from service.leads.merging.inheriting import inherit
from service.leads.operations import TOUCHED_BY_A_MOVE, Writer
from service.leads.present import lead_out
from service.leads.schemas import CorrectionCreate
from service.leads.steps import completed, steps_from
from service.lifecycle.errors import LedgerInvalid
from service.lifecycle.ledger import Replayed, Step, replay, step_of
from service.lifecycle.machine import NEEDS, STARTS_JOURNEY, Event


async def correct_lead(
    connection: AsyncConnection, lead_id: UUID, body: CorrectionCreate, writer: Writer
) -> dict[str, Any]:
    """Replace the tail of a lead's ledger; the whole corrected ledger is run through the machine first.

    Raises `LedgerInvalid`, which names the step at fault, and changes nothing then.
    """
    steps = await steps_from(connection, body.transitions, within="/transitions")
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    old = await store.read_ledger(connection, lead_id)
    if body.from_sequence > len(old) + 1:
        raise Invalid("/from_sequence", f"the ledger has {len(old)} transitions")
    kept = old[: body.from_sequence - 1]
    if not kept and not steps:
        raise Invalid("/transitions", "a ledger cannot be empty: it starts with acquire")
    if len(kept) == len(old) and not steps:
        raise Invalid("/transitions", f"nothing would change: the ledger has {len(old)} transitions")
    tail = _continued(kept, steps, old, entry.row)
    new = replay([*map(step_of, kept), *tail], now=writer.now, kept=len(kept))
    _refuse_new_cleaning(tail, old[len(kept) :], entry.row, first=len(kept) + 1)
    await _move_touchpoints(book, entry, old[len(kept) :], new, steps, first=len(kept) + 1)
    inherited = await inherit(connection, lead_id, old=old, new=new, from_sequence=body.from_sequence)
    correction_id = await book.correct(
        entry, old=old, new=new, from_sequence=body.from_sequence, reason=body.reason, borrowed=inherited
    )
    if not tail:
        book.announce(entry, "lead.updated", {"changed": ["stage"], "correction_id": correction_id}, at=writer.now)
    await book.flush()
    return {
        "id": correction_id,
        "superseded": [row["id"] for row in old[body.from_sequence - 1 :]],
        "lead": lead_out(entry.row),
    }


async def _move_touchpoints(
    book: Book, entry: Entry, old: Sequence[Mapping[str, Any]], new: Replayed, steps: Sequence[Step], *, first: int
) -> None:
    """Let the touchpoints of the starts that are corrected follow them, and add those of starts that are named anew, with their channel."""
    starts = {one.journey: one for one in new.transitions[first - 1 :] if one.event in STARTS_JOURNEY}
    followed = set()
    for row in old:
        if row["event"] in STARTS_JOURNEY:
            start = starts.get(row["journey"])
            kept = start if start and start.event == row["event"] else None
            says = (
                {"at": kept.occurred_at, "channel": kept.step.channel, "campaign": kept.step.campaign} if kept else None
            )
            if await store.move_touchpoint(book.connection, entry.id, row, says) and kept:
                followed.add(kept.journey)
    for start in starts.values():
        if start.journey not in followed and start.event != Event.ACQUIRE and steps[start.sequence - first].channel:
            source: dict[str, Any] = {
                "channel": start.step.channel,
                "campaign": start.step.campaign,
                "utm": {},
                "journey": start.journey,
            }
            book.touch(entry, {**source, **TOUCHED_BY_A_MOVE, "occurred_at": start.occurred_at})


def _continued(
    kept: Sequence[Mapping[str, Any]], steps: Sequence[Step], old: Sequence[Mapping[str, Any]], row: Mapping[str, Any]
) -> list[Step]:
    """Complete a corrected tail: a journey that it starts anew keeps the channel it had, unless the correction names another."""
    sources = {start["journey"]: start for start in old if start["event"] in STARTS_JOURNEY}
    journey = kept[-1]["journey"] if kept else 0
    tail = []
    for index, step in enumerate(steps):
        journey += step.event in STARTS_JOURNEY
        tail.append(completed(step, row, source=sources.get(journey), place=f"/transitions/{index}"))
    return tail


def _refuse_new_cleaning(
    tail: Sequence[Step], superseded: Sequence[Mapping[str, Any]], row: Mapping[str, Any], *, first: int
) -> None:
    """Refuse to clean a lead whose data are unusable by correcting it; what the ledger had was legal when it was recorded."""
    if row["verdict"] != "invalid":
        return
    had = sum(one["event"] == Event.CLEAN for one in superseded)
    cleanings = [index for index, step in enumerate(tail) if step.event == Event.CLEAN]
    for index in cleanings[had:]:
        detail = f"clean needs {NEEDS['usable_contact'].detail}"
        raise LedgerInvalid(
            f"step {first + index}: {detail}",
            index=index,
            sequence=first + index,
            errors=[{"pointer": f"/transitions/{index}", "detail": detail}],
        )
