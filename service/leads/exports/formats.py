"""Formats: rows in, bytes out, a few at a time.

CSV shows times as the API does and a cell that a spreadsheet would take for a formula behind an apostrophe; Parquet has types; NDJSON has
the very objects of the API.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, Protocol

import orjson

from service.core.http.negotiation import cell_text
from service.leads.exports.columns import Cell, Column, Rows

Format = Literal["ndjson", "csv", "parquet"]

MEDIA: Final[Mapping[Format, str]] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
# So many rows of a Parquet file are written, compressed and forgotten together.
_ROW_GROUP: Final = 20_000


class Writer(Protocol):
    """Turns rows into the bytes of a file, part by part."""

    def begin(self) -> bytes:
        """Return what comes before the first row."""

    def rows(self, rows: Rows) -> bytes:
        """Return the bytes that are ready after these rows; there may be none yet."""

    def end(self) -> bytes:
        """Return what comes after the last row."""


def writer_of(form: Format, columns: Sequence[Column]) -> Writer:
    """Return a new writer of a format."""
    return _WRITERS[form](columns)


class Ndjson:
    """One JSON object a line."""

    def __init__(self, _: Sequence[Column]) -> None: ...

    def begin(self) -> bytes:
        """Nothing comes before the first line."""
        return b""

    def rows(self, rows: Rows) -> bytes:
        """Return a line for each row."""
        option = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
        return b"".join([orjson.dumps(row, default=str, option=option) for row in rows])

    def end(self) -> bytes:
        """Nothing comes after the last line."""
        return b""


class Csv:
    """RFC 4180, UTF-8, with a header."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        """Return the header."""
        return _lines([[cell_text(column.name) for column in self._columns]])

    def rows(self, rows: Rows) -> bytes:
        """Return a line for each row."""
        return _lines(zip(*(self._cells(column, rows) for column in self._columns), strict=True))

    def end(self) -> bytes:
        """Nothing comes after the last line."""
        return b""

    @staticmethod
    def _cells(column: Column, rows: Rows) -> list[Any]:
        values = column.values(rows)
        show = cell_text if column.definition is not None else _CSV.get(column.cell)
        # What is None is written as nothing, by the module too.
        return values if show is None else [None if value is None else show(value) for value in values]


def _lines(lines: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode()


_CSV: Final[Mapping[Cell, Callable[[Any], str]]] = {
    "text": cell_text,
    "boolean": cell_text,
    "texts": cell_text,
    # All instants are in UTC; asking each for its offset takes longer than the rest.
    "instant": lambda value: value.replace(tzinfo=None).isoformat() + "Z",
    "json": lambda value: _json(value) if value else "",
}
_PARQUET: Final[Mapping[Cell, Callable[[Any], Any]]] = {
    "word": str,
    "number": float,
    "date": date.fromisoformat,
    "money": Decimal,
    "json": _json,
}


class Parquet:
    """Columns with types, compressed; pyarrow is loaded when somebody asks for it."""

    def __init__(self, columns: Sequence[Column]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        kinds: Mapping[Cell, Any] = {
            "word": pa.string(),
            "text": pa.string(),
            "integer": pa.int64(),
            "number": pa.float64(),
            "boolean": pa.bool_(),
            "date": pa.date32(),
            "instant": pa.timestamp("us", tz="UTC"),
            "money": pa.decimal128(20, 4),
            "texts": pa.list_(pa.string()),
            "json": pa.string(),
        }
        self._arrow = pa
        self._columns = columns
        self._schema = pa.schema([(column.name, kinds[column.cell]) for column in columns])
        self._sink = _Sink()
        self._file = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._waiting: list[Any] = []
        self._count = 0

    def begin(self) -> bytes:
        """Return the file's first bytes."""
        return self._sink.taken()

    def rows(self, rows: Rows) -> bytes:
        """Keep rows until a row group is full; then return its bytes."""
        arrays = [
            self._arrow.array(self._values(column, rows), type=field.type)
            for column, field in zip(self._columns, self._schema, strict=True)
        ]
        self._waiting.append(self._arrow.record_batch(arrays, schema=self._schema))
        self._count += len(rows)
        return self._flushed() if self._count >= _ROW_GROUP else b""

    def end(self) -> bytes:
        """Return the last row group and the file's index."""
        last = self._flushed() if self._waiting else b""
        self._file.close()
        return last + self._sink.taken()

    def _flushed(self) -> bytes:
        self._file.write_table(self._arrow.Table.from_batches(self._waiting), row_group_size=self._count)
        self._waiting, self._count = [], 0
        return self._sink.taken()

    @staticmethod
    def _values(column: Column, rows: Rows) -> list[Any]:
        values, make = column.typed_values(rows), _PARQUET.get(column.cell)
        return values if make is None else [None if value is None else make(value) for value in values]


class _Sink(io.RawIOBase):
    """Where the Parquet writer writes to: a file of which only the end is still here."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._passed = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._passed + len(self._held)

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def taken(self) -> bytes:
        held = bytes(self._held)
        self._passed += len(held)
        self._held.clear()
        return held


_WRITERS: Final[Mapping[Format, Callable[[Sequence[Column]], Writer]]] = {
    "ndjson": Ndjson,
    "csv": Csv,
    "parquet": Parquet,
}
