"""Instants of many rows as one value: packed by PostgreSQL as it keeps them, so that a million journeys are no million rows here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, LargeBinary, SmallInteger, case, cast, func, literal_column

from service.core.tables import Instant

Floats = NDArray[np.float64]
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


def packed_columns(*instants: ColumnElement[Any]) -> list[ColumnElement[bytes]]:
    """Return the instants of all rows of a group, a value for each column, and before them one that says which rows have which.

    What never was takes no room and no time. All are filled row by row, so that the same places of all are of the same row.
    """
    bits = (case((at.is_(None), 0), else_=1 << place) for place, at in enumerate(instants))
    mask = func.int2send(cast(reduce(add, bits), SmallInteger), type_=LargeBinary)
    return [joined_up(mask), *(joined_up(func.timestamptz_send(at, type_=LargeBinary)) for at in instants)]


def unpacked_columns(values: Sequence[bytes | None]) -> list[Instants]:
    """Return what `packed_columns` packed: for each column the instants of all rows, `NEVER` for what never was."""
    return [_in_their_rows(held, which, np.full(len(which), NEVER)) for held, which in _held(values)]


def unpacked_days(values: Sequence[bytes | None]) -> list[Floats]:
    """Return what `packed_columns` packed in days since `ORIGIN`, nan for what never was."""
    return [
        _in_their_rows(held / MICROSECONDS_A_DAY, which, np.full(len(which), np.nan)) for held, which in _held(values)
    ]


def _held(values: Sequence[bytes | None]) -> Iterator[tuple[Instants, NDArray[np.bool_]]]:
    mask = np.frombuffer(values[0] or b"", dtype=">i2").astype(np.int16)
    for place, value in enumerate(values[1:]):
        yield np.frombuffer(value or b"", dtype=">i8"), (mask & (1 << place)) != 0


def _in_their_rows(held: NDArray[Any], which: NDArray[np.bool_], column: NDArray[Any]) -> NDArray[Any]:
    column[which] = held
    return column


def unpacked(value: bytes | None, width: int) -> Instants:
    """Return what was packed, so many instants a row: shape (rows, width)."""
    return np.frombuffer(value or b"", dtype=">i8").reshape(-1, width).astype(np.int64)


def since_origin(at: datetime) -> int:
    """Return an instant as it is packed."""
    return (at - ORIGIN) // _MICROSECOND
