"""Rows: what a piece of a file says, one mapping of fields to values a row, by a plan that is made once for each set of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from service.core.errors import ServiceError
from service.core.http.strict_json import parse
from service.intake.imports.columns import Column, flat, understood
from service.intake.imports.outcomes import Outcome
from service.intake.imports.schemas import ImportOptions
from service.intake.imports.splitting import records_of


@dataclass(frozen=True, slots=True)
class Plan:
    """Which place of a record holds which field."""

    texts: tuple[tuple[int, str], ...]
    tables: tuple[tuple[int, str, str], ...]
    names: Mapping[str, str]


@dataclass(slots=True)
class Row:
    """A row of the file: plain fields, tables such as ``utm``, and what the columns are called that they came from."""

    number: int
    fields: dict[str, Any]
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str | None:
        """Return the name that the file has for a field."""
        return self.names.get(name)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the pieces of one import."""

    options: ImportOptions
    header: tuple[str, ...] | None
    delimiter: str

    @property
    def zone(self) -> tzinfo:
        """The zone of times that are written without one."""
        return ZoneInfo(self.options.tz)

    def rows(self, text: str, first_row: int, outcome: Outcome) -> Iterator[Row]:
        """Yield the rows of a piece; what is no row of this file is refused in ``outcome``."""
        if self.header is None:
            return self._of_lines(text, first_row, outcome)
        return self._of_table(text, first_row, outcome, self.header)

    def _of_table(self, text: str, first_row: int, outcome: Outcome, header: tuple[str, ...]) -> Iterator[Row]:
        plan, width = self._plan(header), len(header)
        for number, record in enumerate(records_of(text, self.delimiter), first_row):
            if len(record) != width:
                if not any(record):
                    continue
                if any(record[width:]):
                    outcome.refuse(number, "too_many_fields", f"has {len(record)} fields, the header {width}")
                    continue
                record.extend([""] * (width - len(record)))
            elif not any(record):
                continue
            yield _row(number, record, plan)

    def _of_lines(self, text: str, first_row: int, outcome: Outcome) -> Iterator[Row]:
        for number, line in enumerate(text.split("\n"), first_row):
            if not line or line.isspace():
                continue
            try:
                document = parse(line.encode())
            except ServiceError:
                outcome.refuse(number, "malformed", "is not an object of JSON that can be stored")
                continue
            if not isinstance(document, dict):
                outcome.refuse(number, "malformed", "is not a JSON object")
                continue
            spread = flat(document)
            yield _row(number, list(spread.values()), self._plan(tuple(spread)))

    def _plan(self, names: tuple[str, ...]) -> Plan:
        options = self.options
        return _plan(options.kind, names, tuple(options.mapping.items()), options.system)


@lru_cache(maxsize=1024)
def _plan(kind: str, names: tuple[str, ...], mapping: tuple[tuple[str, str | None], ...], system: str) -> Plan:
    columns: Sequence[Column] = understood(kind, names, dict(mapping), system)
    texts, tables = [], []
    for place, column in enumerate(columns):
        if column.field is not None:
            table, dot, key = column.field.partition(".")
            if dot:
                tables.append((place, table, key))
            else:
                texts.append((place, column.field))
    return Plan(tuple(texts), tuple(tables), {column.field: column.name for column in columns if column.field})


def _row(number: int, record: Sequence[Any], plan: Plan) -> Row:
    row = Row(
        number, {name: value for place, name in plan.texts if (value := record[place]) not in _NOTHING}, {}, plan.names
    )
    for place, table, key in plan.tables:
        value = record[place]
        if value not in _NOTHING:
            row.tables.setdefault(table, {})[key] = value
    return row


_NOTHING = ("", None)
