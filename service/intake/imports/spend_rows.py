"""Spending: what channels and campaigns cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.values import as_text
from service.intake.imports.opening import Opened
from service.intake.imports.outcomes import Outcome
from service.intake.imports.records import Reader, Row
from service.intake.imports.schemas import ImportOptions
from service.intake.imports.values import Unreadable, as_amount, as_currency, as_day
from service.leads.book import Book
from service.stats.spending.operations import put_spend
from service.stats.spending.schemas import SpendPut

_AMOUNTS: Final = ("amount", "budget")
_DAYS: Final = ("period_start", "period_end")


@dataclass(slots=True)
class Cost:
    """A row as it goes in."""

    row: Row
    item: SpendPut


def read(reader: Reader, text: str, first_row: int, outcome: Outcome) -> list[Cost]:
    """Return the rows of a piece; those that cannot be read are refused in ``outcome``."""
    found = []
    for row in reader.rows(text, first_row, outcome):
        name = "amount"
        given: dict[str, Any] = {"channel": reader.options.channel, "campaign": reader.options.campaign}
        try:
            for name, value in row.fields.items():
                given[name] = _value(name, value, reader.options)
            found.append(Cost(row, SpendPut.model_validate(given)))
        except Unreadable as why:
            outcome.refuse(row.number, f"{name}_invalid", str(why), column=row.column(name))
        except ValidationError as fault:
            first = fault.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0]) if first["loc"] else "period"
            detail = "is missing" if first["type"] in {"missing", "decimal_type", "string_type"} else first["msg"]
            outcome.refuse(row.number, f"{name}_invalid", detail, column=row.column(name) or name)
    return found


def _value(name: str, value: Any, options: ImportOptions) -> Any:
    if name in _AMOUNTS:
        return as_amount(value)
    if name in _DAYS:
        return as_day(value, options.date_order)
    return as_currency(value) if name == "currency" else as_text(value)


async def write(
    connection: AsyncConnection, rows: Sequence[Cost], book: Book, _options: ImportOptions, opened: Opened
) -> Outcome:
    """Write amounts down; the same file again changes nothing."""
    outcome = Outcome()
    done = await put_spend(connection, [one.item for one in rows], actor=book.actor, now=book.now) if rows else []
    await opened()
    for one, (result, kept) in zip(rows, done, strict=True):
        outcome.done(one.row.number, result, kept["id"])
    return outcome
