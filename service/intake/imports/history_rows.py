"""Transitions: the history that another CRM has, dates and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.values import as_flag, as_text
from service.core.errors import ServiceError
from service.intake.imports import naming
from service.intake.imports.opening import Opened
from service.intake.imports.outcomes import Outcome
from service.intake.imports.records import Reader, Row
from service.intake.imports.schemas import ImportOptions
from service.intake.imports.values import Unreadable, as_amount, as_currency, as_time
from service.leads import store
from service.leads.book import Book, Entry, refuse_gone
from service.leads.reason_codes import categories_of
from service.leads.schemas import TransitionCreate
from service.leads.steps import completed, step_with
from service.lifecycle.errors import LifecycleError
from service.lifecycle.machine import MOVES, Event
from service.lifecycle.stages import Stage

_EVENTS: Final = frozenset(Event)
_STAGES: Final = frozenset(Stage)
_TEXTS: Final = ("reason", "note", "channel", "campaign")


@dataclass(slots=True)
class Past:
    """Something that happened to a lead: an event, or the stage that it led to."""

    row: Row
    event: str | None
    stage: str | None
    given: dict[str, Any]


def read(reader: Reader, text: str, first_row: int, outcome: Outcome) -> list[Past]:
    """Return the rows of a piece; those that cannot be read are refused in ``outcome``."""
    found = []
    for row in reader.rows(text, first_row, outcome):
        try:
            found.append(_past(row, reader))
        except _Fault as fault:
            outcome.refuse(row.number, f"{fault.field}_invalid", fault.detail, column=row.column(fault.field))
    return found


class _Fault(Exception):
    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


def _past(row: Row, reader: Reader) -> Past:
    options, fields = reader.options, row.fields
    event, stage = (_word(fields.get(name), options) for name in ("event", "stage"))
    if event is None and stage is None:
        raise _Fault("event", "says neither what happened nor which stage it led to")
    if event is not None and event not in _EVENTS:
        # Other systems write stages down where we write events.
        if event not in _STAGES:
            raise _Fault(
                "event", f"is none of {', '.join(sorted(_EVENTS))}; the option events says what other words mean"
            )
        event, stage = None, event
    if event is None and stage not in _STAGES:
        raise _Fault("stage", f"is none of {', '.join(sorted(_STAGES))}; the option events says what other words mean")
    given: dict[str, Any] = {name: text for name in _TEXTS if (text := as_text(fields.get(name), 5000))}
    given["allow_skip"] = as_flag(fields["allow_skip"]) if "allow_skip" in fields else options.allow_skip
    for name, read_value in (
        ("amount", as_amount),
        ("currency", as_currency),
        ("occurred_at", lambda value: as_time(value, reader.zone, options.date_order)),
    ):
        try:
            given[name] = read_value(fields.get(name))
        except Unreadable as why:
            raise _Fault(name, str(why)) from None
    return Past(row, event, stage, given)


def _word(value: Any, options: ImportOptions) -> str | None:
    text = as_text(value)
    if text is None:
        return None
    return options.events.get(text, text.strip().lower())


async def write(
    connection: AsyncConnection, rows: Sequence[Past], book: Book, options: ImportOptions, opened: Opened
) -> Outcome:
    """Move leads as the rows say, each lead's in the order they happened; what is in its ledger already is left as it is."""
    outcome = Outcome()
    found = await naming.leads_of(connection, [one.row for one in rows], options.default_region)
    await book.take({lead_id for lead_id in found if lead_id is not None})
    await opened()
    known = await store.read_moves(connection, list(book.entries))
    categories = await categories_of(connection, {one.given["reason"] for one in rows if "reason" in one.given})
    pairs = sorted(zip(rows, found, strict=True), key=lambda pair: pair[0].given["occurred_at"] or book.now)
    for one, lead_id in pairs:
        entry = book.entries.get(lead_id) if lead_id else None
        _write_one(book, one, entry, known, categories, outcome)
    await book.flush()
    for place, lead_id in enumerate(outcome.leads):
        outcome.after[place] = book.entries[lead_id].row["version"]
    return outcome


def _write_one(
    book: Book,
    one: Past,
    entry: Entry | None,
    known: Mapping[UUID, set[tuple[str, str, datetime]]],
    categories: Mapping[str, str],
    outcome: Outcome,
) -> None:
    number = one.row.number
    if entry is None:
        outcome.refuse(number, "lead_not_found", "names no lead that there is")
        return
    at = one.given["occurred_at"]
    if any(
        when == at and (event == one.event or (one.event is None and stage == one.stage))
        for event, stage, when in known.get(entry.id, ())
    ):
        outcome.done(number, "unchanged", entry.id, before=entry.version_before)
        return
    try:
        refuse_gone(entry.row)
        body = TransitionCreate.model_validate({**one.given, "event": one.event or _event_to(entry, one.stage)})
        book.move(entry, completed(step_with(categories, body), entry.row))
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "event"
        outcome.refuse(number, f"{name}_invalid", first["msg"], column=one.row.column(name))
    except (ServiceError, LifecycleError) as refusal:
        outcome.refuse(number, refusal.code, refusal.detail, column=one.row.column("event" if one.event else "stage"))
    else:
        outcome.done(number, "updated", entry.id, before=entry.version_before)


def _event_to(entry: Entry, stage: str | None) -> str:
    """Return the event that leads from where the lead stands to a stage; the machine refuses what leads nowhere."""
    source = Stage(entry.life.stage) if entry.life.stage else None
    for (begin, event), move in MOVES.items():
        if begin == source and move.target == stage:
            return str(event)
    return next(str(event) for (_, event), move in MOVES.items() if move.target == stage)
