"""Leads: rows become submissions, cleaned and taken in like any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.contract import TEXT_FIELDS
from service.channels.values import as_attribute, as_flag, as_table, as_tags, as_text
from service.cleaning import normalise
from service.cleaning.submission import Cleaned, Submission
from service.intake.imports.opening import Opened
from service.intake.imports.outcomes import Outcome
from service.intake.imports.records import Reader, Row
from service.intake.imports.schemas import ImportOptions
from service.intake.imports.values import Unreadable, as_time
from service.leads import identity_store
from service.leads.attributes.checking import conform, known_for
from service.leads.book import Book
from service.leads.carrying_out import TakenIn
from service.leads.identities import Identity, identities_of
from service.leads.take_in import take_into

_PLAIN: Final = frozenset({*TEXT_FIELDS, "owner"})
# Where a fault of cleaning points, and the field it is.
_FIELD_OF: Final = {"/company/country": "country", "/company/domain": "company_domain"}
_OF_TEXTS: Final = frozenset({"utm", "external_ids"})
_SHORT: Final = 200
_RESULT_OF: Final = {"created": "created", "revised": "updated", "matched": "updated"}


@dataclass(slots=True)
class Person:
    """A row as it goes in."""

    row: Row
    cleaned: Cleaned


def read(reader: Reader, text: str, first_row: int, outcome: Outcome) -> list[Person]:
    """Return the rows of a piece, cleaned; those that cannot be read are refused in ``outcome``."""
    make = _maker(reader)
    people = []
    for row in reader.rows(text, first_row, outcome):
        try:
            submission = make(row)
        except Unreadable as why:
            outcome.refuse(row.number, "occurred_at_invalid", str(why), column=row.column("occurred_at"))
        else:
            people.append(Person(row, normalise(submission, reader.options.default_region)))
    return people


def _maker(reader: Reader) -> Callable[[Row], Submission]:
    options, zone = reader.options, reader.zone
    usual = {name: getattr(options, name) for name in ("channel", "campaign") if getattr(options, name)}
    tags = tuple(options.tags)
    lasting = {"auto_clean": options.clean, "overwrites": options.on_match == "overwrite"}

    def make(row: Row) -> Submission:
        given: dict[str, Any] = usual | lasting
        for name, value in row.fields.items():
            if name in _PLAIN:
                given[name] = value if type(value) is str else as_text(value)
            elif name == "occurred_at":
                given[name] = as_time(value, zone, options.date_order)
        if "tags" in row.fields or tags:
            given["tags"] = (*as_tags(row.fields.get("tags")), *tags)
        if "test" in row.fields:
            given["test"] = as_flag(row.fields["test"])
        for table, values in row.tables.items():
            given[table] = _table(table, values)
        if "campaign" not in given and "utm" in given:
            given["campaign"] = given["utm"].get("campaign")
        return Submission(**given)

    return make


def _table(name: str, values: dict[str, Any]) -> dict[str, Any]:
    if name in _OF_TEXTS and all(type(value) is str and len(value) <= _SHORT for value in values.values()):
        # Cleaning does the rest. This is nearly every row of nearly every file.
        return values
    if name == "consent":
        return {purpose: _agreed(value) for purpose, value in values.items()}
    if name == "attributes":
        return {key: value if type(value) is str else as_attribute(value) for key, value in values.items()}
    return as_table(name, values)


def _agreed(value: Any) -> Any:
    return as_attribute(value) if isinstance(value, dict) else as_flag(value)


async def write(
    connection: AsyncConnection, people: Sequence[Person], book: Book, options: ImportOptions, opened: Opened
) -> Outcome:
    """Take people in, and return what became of each row."""
    outcome = Outcome()
    definitions = await known_for(connection, (one.cleaned.submission.attributes for one in people))
    if definitions:
        people = [Person(one.row, conform(one.cleaned, definitions)) for one in people]
    if options.mode != "upsert":
        people = await _of_mode(connection, people, options.mode, outcome)
    taken = await take_into(book, [one.cleaned for one in people], via="import", in_bulk=True)
    await opened()
    await book.flush()
    for one, what in zip(people, taken, strict=True):
        _note(outcome, one, what, book)
    return outcome


async def _of_mode(connection: AsyncConnection, people: Sequence[Person], mode: str, outcome: Outcome) -> list[Person]:
    """Refuse who is known already, or who is not; within the piece too, the first row of a person makes them known."""
    wanted = [_identities(one.cleaned.submission) for one in people]
    owned = await identity_store.owners(connection, {identity for some in wanted for identity in some})
    seen: dict[Identity, int] = {}
    kept = []
    for one, identities in zip(people, wanted, strict=True):
        lead_id = next((owned[identity] for identity in identities if identity in owned), None)
        before = next((seen[identity] for identity in identities if identity in seen), None)
        if mode == "update" and lead_id is None and identities:
            outcome.refuse(one.row.number, "lead_not_found", "there is no such lead, and the import only updates")
        elif mode == "create" and lead_id is not None:
            outcome.refuse(one.row.number, "already_known", f"is lead {lead_id}, and the import only creates")
        elif mode == "create" and before is not None:
            outcome.refuse(one.row.number, "already_known", f"is the person of row {before}")
        else:
            seen |= dict.fromkeys(identities, one.row.number)
            kept.append(one)
    return kept


def _identities(one: Submission) -> list[Identity]:
    return identities_of(email=one.email, phone=one.phone, external_ids=one.external_ids)


def _note(outcome: Outcome, one: Person, what: TakenIn, book: Book) -> None:
    number = one.row.number
    if what.error is not None or what.lead_id is None:
        code, detail = getattr(what.error, "code", "refused"), getattr(what.error, "detail", "was refused")
        outcome.refuse(number, code, detail)
    else:
        before, after = book.versions_of(what.lead_id)
        result = _RESULT_OF.get(what.result, "unchanged")
        outcome.done(number, result, what.lead_id, before=before, after=after)
    for fault in one.cleaned.faults:
        name = _FIELD_OF.get(fault.pointer) or fault.pointer.lstrip("/").replace("/", ".")
        outcome.warn(number, f"{name.partition('.')[0]}_invalid", fault.detail, column=one.row.column(name) or name)
    for conflict in what.conflicts:
        name = conflict["pointer"].lstrip("/").replace("/", ".")
        detail = f"belongs to lead {conflict['lead_id']}; the rest of the row went to the lead it was known by"
        outcome.warn(number, "identity_conflict", detail, column=one.row.column(name) or name)
