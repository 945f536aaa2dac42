"""Instants of many rows as one value: packed by PostgreSQL as it keeps them, so that a million journeys are no million rows here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, LargeBinary, func, literal_column

from service.core.tables import Instant

Instants = NDArray[np.int64]
"""Microseconds since `ORIGIN`, a column for each instant of a row."""

ORIGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)
NEVER: Final = np.iinfo(np.int64).max
"""What stands for an instant that never was: PostgreSQL's infinity."""

MICROSECONDS_A_DAY: Final = 86_400e6
_NO_BYTES: Final = literal_column("''::bytea", LargeBinary)
_INFINITY: Final = literal_column("'infinity'::timestamptz", Instant)
_MICROSECOND: Final = timedelta(microseconds=1)


def packed(*instants: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Return the instants of all rows of a group as one value: eight bytes each, row by row. Sending them needs no arithmetic at all."""
    return joined_up(*map(sent, instants))


def joined_up(first: ColumnElement[Any], *others: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Return the bytes of all rows of a group as one value."""
    for other in others:
        first = first.op("||")(other)
    return func.string_agg(first, _NO_BYTES)


def sent(at: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an instant as the eight bytes that PostgreSQL keeps of it."""
    return func.timestamptz_send(func.coalesce(at, _INFINITY), type_=LargeBinary)


def pattern_of(*instants: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """Return which of a row's instants there are: rows that are grouped by it need not say so one by one.

    Truths, and not a number made of them: PostgreSQL knows that there are few, and needs not sort.
    """
    return [at.is_not(None) for at in instants]


def packed_columns(*instants: ColumnElement[Any]) -> list[ColumnElement[bytes]]:
    """Return the instants of all rows of a group, which must be of one pattern, a value for each column.

    What never was takes no room and no time. All are filled row by row, so that the same places of all are of the same row.
    """
    return [joined_up(func.timestamptz_send(at, type_=LargeBinary)) for at in instants]


def unpacked_columns(values: Sequence[bytes | None]) -> list[Instants | None]:
    """Return what `packed_columns` packed: for each column the instants of all rows, or None for what never was."""
    return [None if value is None else np.frombuffer(value, dtype=">i8").astype(np.int64) for value in values]


def joined_columns(patterns: Sequence[Sequence[NDArray[Any] | None]], never: float = NEVER) -> list[NDArray[Any]]:
    """Return the columns of rows of several patterns as one, ``never`` for what never was; their first column is always there."""
    rows = [len(columns[0]) for columns in patterns if columns[0] is not None]
    return [
        np.concatenate(
            [np.full(number, never) if some is None else some for number, some in zip(rows, every, strict=True)]
        )
        for every in zip(*patterns, strict=True)
    ]


def unpacked(value: bytes | None, width: int) -> Instants:
    """Return what was packed, so many instants a row: shape (rows, width)."""
    return np.frombuffer(value or b"", dtype=">i8").reshape(-1, width).astype(np.int64)


def since_origin(at: datetime) -> int:
    """Return an instant as it is packed."""
    return (at - ORIGIN) // _MICROSECOND
