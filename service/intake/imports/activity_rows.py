"""Activities: what leads did, as another tool has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.values import as_attribute, as_text
from service.intake.imports import naming
from service.intake.imports.opening import Opened
from service.intake.imports.outcomes import Outcome
from service.intake.imports.records import Reader, Row
from service.intake.imports.schemas import ImportOptions
from service.intake.imports.values import Unreadable, as_time
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
        channel = as_text(row.fields.get("channel")) or options.channel
        data = {key: as_attribute(value) for key, value in row.tables.get("data", {}).items()}
        found.append(Deed(row, {"kind": kind, "channel": channel, "occurred_at": at, "data": data}))
    return found


async def write(
    connection: AsyncConnection, rows: Sequence[Deed], book: Book, options: ImportOptions, opened: Opened
) -> Outcome:
    """Note what leads did; somebody we do not know is not made a lead by it."""
    outcome = Outcome()
    found = await naming.leads_of(connection, [one.row for one in rows], options.default_region)
    await book.take({lead_id for lead_id in found if lead_id is not None})
    await opened()
    for one, lead_id in zip(rows, found, strict=True):
        entry = book.entries.get(lead_id) if lead_id else None
        if entry is None or entry.row["erased_at"] is not None or entry.row["merged_into"] is not None:
            outcome.refuse(one.row.number, "lead_not_found", "names no lead that there is")
            continue
        note_activity(book, entry, Happening(person={}, **one.happening))
        outcome.done(one.row.number, "updated", entry.id, before=entry.version_before)
    await book.flush()
    for place, lead_id in enumerate(outcome.leads):
        outcome.after[place] = book.entries[lead_id].row["version"]
    return outcome
