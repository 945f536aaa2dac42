"""What an export looks like as a table: its columns, known before the first row is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from service.core.database import dumps
from service.leads.attributes.definitions import Definition, Definitions, Type, Unfit, exact
from service.leads.present import COMPANY

Kind = Literal["leads", "transitions", "journeys"]
Cell = Literal["text", "integer", "number", "boolean", "date", "instant", "money", "texts", "json"]
Get = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, what its cells are, and how one is got from a row as the API shows it.

    ``loose`` is what a format without types may show as well: an attribute's value that is not of the type its definition has now.
    """

    name: str
    cell: Cell
    get: Get
    loose: Get | None = None


_CELLS: Final[Mapping[Type, Cell]] = {
    "text": "text",
    "number": "number",
    "date": "date",
    "boolean": "boolean",
    "choice": "text",
}
_UTM: Final = ("source", "medium", "campaign", "term", "content")
_LEAD: Final[Mapping[Cell, str]] = {
    "text": "id stage furthest_stage email phone full_name first_name last_name job_title channel campaign owner currency"
    " referred_by verdict merged_into",
    "integer": "journey version score",
    "boolean": "test",
    "instant": "stage_entered_at created_at updated_at acquired_at last_activity_at erased_at",
    "money": "amount",
    "texts": "tags verdict_reasons",
    "json": "utm external_ids attributes consent raw",
}
_TRANSITION: Final[Mapping[Cell, str]] = {
    "text": "id lead_id event from_stage to_stage reason category note currency actor correction_id",
    "integer": "sequence journey",
    "instant": "occurred_at recorded_at superseded_at",
    "money": "amount",
    "texts": "skipped",
}
_JOURNEY: Final[Mapping[Cell, str]] = {
    "text": "lead_id entry_stage channel campaign stage furthest_stage outcome reason currency",
    "integer": "number",
    "instant": "started_at cleaned_at nurtured_at opportunity_at won_at churned_at",
    "money": "amount",
}


def columns_of(kind: Kind, definitions: Definitions, systems: Iterable[str]) -> list[Column]:
    """Return the columns of an export. Leads have one for each defined attribute and for each of the ``systems`` of external ids.

    Whatever has no column of its own is in those that are JSON: nothing is left out.
    """
    if kind == "transitions":
        return list(_plain(_TRANSITION))
    if kind == "journeys":
        return list(_plain(_JOURNEY))
    return [
        *_plain(_LEAD),
        *(Column(f"company.{name}", "text", _inside("company", name)) for name in COMPANY),
        Column("can_contact.email", "boolean", _inside("can_contact", "email")),
        Column("can_contact.phone", "boolean", _inside("can_contact", "phone")),
        Column("can_contact.purposes", "json", _inside("can_contact", "purposes")),
        *(Column(f"utm.{name}", "text", _inside("utm", name)) for name in _UTM),
        *(Column(f"external_ids.{name}", "text", _inside("external_ids", name)) for name in systems),
        *(_attribute(definition) for definition in definitions.values()),
    ]


def _plain(cells: Mapping[Cell, str]) -> Iterator[Column]:
    for cell, names in cells.items():
        for name in names.split():
            yield Column(name, cell, _field(name))


def _field(name: str) -> Get:
    return lambda row: row[name]


def _inside(outer: str, name: str) -> Get:
    return lambda row: row[outer].get(name)


def _attribute(definition: Definition) -> Column:
    key = definition.key

    def typed(row: Mapping[str, Any]) -> Any:
        value = row["attributes"].get(key)
        try:
            return None if value is None else value if definition.type == "choice" else exact(definition, value)
        except Unfit:
            return dumps(value) if definition.type == "text" else None

    return Column(f"attributes.{key}", _CELLS[definition.type], typed, _inside("attributes", key))
