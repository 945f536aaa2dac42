"""What an export looks like as a table: its columns, known before the first row is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from service.core.database import dumps
from service.leads.attributes.definitions import Definition, Definitions, Type, Unfit, exact
from service.leads.present import COMPANY

Kind = Literal["leads", "transitions", "journeys"]
Cell = Literal["word", "text", "integer", "number", "boolean", "date", "instant", "money", "texts", "json"]
"""What the cells of a column are; a ``word`` is of our own making and no formula to any spreadsheet."""
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, what its cells are, and where its values are in a row as the API shows it: a field, or a ``key`` inside one.

    ``definition`` is that of the attribute whose values it has.
    """

    name: str
    cell: Cell
    field: str
    key: str | None = None
    definition: Definition | None = None

    def values(self, rows: Rows) -> list[Any]:
        """Return the column's values, whatever they are."""
        if self.key is None:
            return [row[self.field] for row in rows]
        return [row[self.field].get(self.key) for row in rows]

    def typed_values(self, rows: Rows) -> list[Any]:
        """Return the column's values; those that are not of the attribute's type are None, or JSON where the type is text."""
        values = self.values(rows)
        return values if self.definition is None else [_fitting(self.definition, value) for value in values]


def _fitting(definition: Definition, value: Any) -> Any:
    if value is None:
        return None
    if _CELLS[definition.type] == "text":
        # A choice that was taken away since is still what the lead has.
        return value if isinstance(value, str) else dumps(value)
    try:
        return exact(definition, value)
    except Unfit:
        return None


_CELLS: Final[Mapping[Type, Cell]] = {
    "text": "text",
    "number": "number",
    "date": "date",
    "boolean": "boolean",
    "choice": "text",
}
_UTM: Final = ("source", "medium", "campaign", "term", "content")
_LEAD: Final[Mapping[Cell, str]] = {
    "word": "id stage furthest_stage verdict currency merged_into",
    "text": "email phone full_name first_name last_name job_title channel campaign owner referred_by",
    "integer": "journey version score",
    "boolean": "test",
    "instant": "stage_entered_at created_at updated_at acquired_at last_activity_at due_at erased_at",
    "money": "amount",
    "texts": "tags verdict_reasons",
    "json": "utm external_ids attributes consent raw",
}
_TRANSITION: Final[Mapping[Cell, str]] = {
    "word": "id lead_id event from_stage to_stage reason category currency correction_id origin",
    "text": "note actor",
    "integer": "sequence journey",
    "instant": "occurred_at recorded_at superseded_at",
    "money": "amount",
    "texts": "skipped",
}
_JOURNEY: Final[Mapping[Cell, str]] = {
    "word": "lead_id entry_stage stage furthest_stage outcome reason currency",
    "text": "channel campaign",
    "integer": "number",
    "boolean": "counted",
    "instant": "started_at cleaned_at nurtured_at opportunity_at won_at churned_at",
    "money": "amount",
    "json": "entered_as",
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
        *(Column(f"company.{name}", "text", "company", name) for name in COMPANY),
        Column("can_contact.email", "boolean", "can_contact", "email"),
        Column("can_contact.phone", "boolean", "can_contact", "phone"),
        Column("can_contact.purposes", "json", "can_contact", "purposes"),
        *(Column(f"utm.{name}", "text", "utm", name) for name in _UTM),
        *(Column(f"external_ids.{name}", "text", "external_ids", name) for name in systems),
        *(
            Column(f"attributes.{one.key}", _CELLS[one.type], "attributes", one.key, one)
            for one in definitions.values()
        ),
    ]


def _plain(cells: Mapping[Cell, str]) -> Iterator[Column]:
    for cell, names in cells.items():
        for name in names.split():
            yield Column(name, cell, name)
