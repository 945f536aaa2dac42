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
    told = _told_again(old, [(one.journey, one.step) for one in starts.values()])
    for row in old:
        if row["event"] in STARTS_JOURNEY and row not in told.values():
            await store.move_touchpoint(book.connection, entry.id, row, None)
    # The last one first, so that none is put where one is that has yet to move.
    for number, start in sorted(starts.items(), reverse=True):
        was, step = told.get(number), start.step
        says = {"journey": number, "channel": step.channel, "campaign": step.campaign}
        followed = was and await store.move_touchpoint(book.connection, entry.id, was, says | {"at": start.occurred_at})
        is_same = was and (was["channel"], was["campaign"]) == (step.channel, step.campaign)
        if start.event != Event.ACQUIRE and steps[start.sequence - first].channel and not followed and not is_same:
            book.touch(entry, {**says, **TOUCHED_BY_A_MOVE, "utm": {}, "occurred_at": start.occurred_at})


def _told_again(old: Sequence[Mapping[str, Any]], starts: Sequence[tuple[int, Step]]) -> dict[int, Mapping[str, Any]]:
    """Return, by journey, the start that each of a corrected tail tells again: that of the same time, or else of the same number."""
    left = [row for row in old if row["event"] in STARTS_JOURNEY]
    found: dict[int, Mapping[str, Any]] = {}
    for is_told in (_is_of_its_time, _is_of_its_number):
        for number, step in starts:
            same = next((row for row in left if number not in found and is_told(row, number, step)), None)
            if same is not None:
                found[number] = same
                left.remove(same)
    return found


def _is_of_its_time(row: Mapping[str, Any], _number: int, step: Step) -> bool:
    are_alike = (row["event"] == Event.ACQUIRE) == (step.event == Event.ACQUIRE)
    return bool(are_alike and row["occurred_at"] == step.occurred_at)


def _is_of_its_number(row: Mapping[str, Any], number: int, _step: Step) -> bool:
    return bool(row["journey"] == number)


def _continued(
    kept: Sequence[Mapping[str, Any]], steps: Sequence[Step], old: Sequence[Mapping[str, Any]], row: Mapping[str, Any]
) -> list[Step]:
    """Complete a corrected tail: a journey that it starts anew keeps the channel it had, unless the correction names another."""
    number = kept[-1]["journey"] if kept else 0
    numbers = [number := number + (step.event in STARTS_JOURNEY) for step in steps]
    starts = [(one, step) for one, step in zip(numbers, steps, strict=True) if step.event in STARTS_JOURNEY]
    sources = _told_again(old[len(kept) :], starts)
    return [
        completed(step, row, source=sources.get(one), place=f"/transitions/{index}")
        for index, (one, step) in enumerate(zip(numbers, steps, strict=True))
    ]


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
