"""Activities: what leads did, as another tool has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.values import as_attribute, as_text
from service.intake.imports import naming
from service.intake.imports.columns import RATING
from service.intake.imports.opening import Opened
from service.intake.imports.outcomes import Outcome
from service.intake.imports.records import Reader, Row
from service.intake.imports.schemas import ImportOptions
from service.intake.imports.values import Unreadable, as_amount, as_time
from service.leads.activity_store import read_keyed
from service.leads.book import Book
from service.leads.happenings import Happening, note_activity

_LONGEST_KIND: Final = 200


@dataclass(slots=True)
class Deed:
    """A row as it goes in."""

    row: Row
    happening: dict[str, Any]


def read(reader: Reader, text: str, first_row: int, outcome: Outcome) -> list[Deed]:
    """Return the rows of a piece; those that cannot be read are refused in ``outcome``."""
    found = []
    options = reader.options
    for row in reader.rows(text, first_row, outcome):
        kind = as_text(row.fields.get("kind"), _LONGEST_KIND)
        if kind is None:
            outcome.refuse(row.number, "kind_invalid", "does not say what the lead did", column=row.column("kind"))
            continue
        try:
            at = as_time(row.fields.get("occurred_at"), reader.zone, options.date_order)
        except Unreadable as why:
            outcome.refuse(row.number, "occurred_at_invalid", str(why), column=row.column("occurred_at"))
            continue
        try:
            rating = _rating(row)
        except Unreadable as why:
            outcome.refuse(row.number, "rating_invalid", str(why), column=row.column("rating"))
            continue
        happening = {"kind": kind, "occurred_at": at, "rating": rating}
        happening["channel"] = as_text(row.fields.get("channel")) or options.channel
        happening["data"] = {key: as_attribute(value) for key, value in row.tables.get("data", {}).items()}
        happening["key"] = as_text(row.fields.get("key"), _LONGEST_KIND)
        found.append(Deed(row, happening))
    return found


def _rating(row: Row) -> dict[str, float] | None:
    """Return a row's rating with its scale, or None; raises `Unreadable`."""
    value, worst, best = (as_amount(row.fields.get(name)) for name in RATING)
    if value is None:
        return None
    if worst is None or best is None or not worst < best:
        raise Unreadable("needs its scale: rating_worst and, above it, rating_best")
    if not worst <= value <= best:
        raise Unreadable("is not on its scale, from rating_worst to rating_best")
    return {"value": float(value), "worst": float(worst), "best": float(best)}


async def write(
    connection: AsyncConnection, rows: Sequence[Deed], book: Book, options: ImportOptions, opened: Opened
) -> Outcome:
    """Note what leads did; somebody we do not know is not made a lead by it."""
    outcome = Outcome()
    found = await naming.leads_of(connection, [one.row for one in rows], options.default_region)
    await book.take({lead_id for lead_id in found if lead_id is not None})
    await opened()
    told = [(lead_id, one.happening["key"]) for one, lead_id in zip(rows, found, strict=True) if lead_id]
    known = await read_keyed(connection, [(lead_id, key) for lead_id, key in told if key])
    for one, lead_id in zip(rows, found, strict=True):
        entry = book.entries.get(lead_id) if lead_id else None
        if entry is None or entry.row["erased_at"] is not None or entry.row["merged_into"] is not None:
            outcome.refuse(one.row.number, "lead_not_found", "names no lead that there is")
            continue
        key = one.happening["key"]
        if before := known.get((entry.id, key)):
            if before["kind"] != one.happening["kind"]:
                detail = f"the lead has a {before['kind']} with this key"
                outcome.refuse(one.row.number, "activity_key_taken", detail, column=one.row.column("key"))
            else:
                outcome.done(one.row.number, "unchanged", entry.id, before=entry.version_before)
            continue
        noted = note_activity(book, entry, Happening(person={}, **one.happening))
        if key:
            known[entry.id, key] = noted
        outcome.done(one.row.number, "updated", entry.id, before=entry.version_before)
    await book.flush()
    for place, lead_id in enumerate(outcome.leads):
        outcome.after[place] = book.entries[lead_id].row["version"]
    return outcome
