"""Wins with what they brought and how long they took: from their rollup where it knows the dimensions, from the journeys otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    LargeBinary,
    Numeric,
    Select,
    SmallInteger,
    bindparam,
    case,
    cast,
    extract,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.definitions import STARTED
from service.stats.estimators.histograms import Ints
from service.stats.question import Question
from service.stats.returns import WinCount
from service.stats.store import sources
from service.stats.store.counts import NOTHING, bucket_of, counted_bucket, intervals, rolled
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.levels import COUNT_BITS
from service.stats.store.milestones import whole_journeys
from service.stats.store.packing import joined_up
from service.stats.store.rows import read_counted
from service.stats.tables import win_deltas, win_rollup

_WINS: Final = ("axis", "bucket", "channel", "campaign", "entry_stage", "currency", "days")
_SUMS: Final = ("count", "amount", "squares", "seconds")
_UNIT: Final = 1 << COUNT_BITS
_ONE: Final[ColumnElement[int]] = literal_column("1", Integer)
# PostgreSQL sends an array of numbers as a head of so many bytes, and each number with its length before it.
_HEAD: Final[ColumnElement[int]] = literal_column("20", Integer)
_NUMBERS: Final = np.dtype([("length", ">i4"), ("number", ">i8")])


async def win_counts(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime], *, axis: int
) -> list[WinCount]:
    """Return the wins between ascending bounds, by when their journey started or when they happened, in one statement."""
    counted = question.is_rolled_up(*bounds)
    shape, bucketed = Shape.of(question), len(bounds) > 2
    statement = sums_counted(shape, axis, rolled=counted, bucketed=bucketed)
    given = sources.parameters(question) | intervals(question, bounds, rolled=counted, of_wins=True) | {"axis": axis}
    rows = (await read_counted(connection, statement, given, counted=counted)).all()
    width = len(question.group_by)
    return [WinCount(row[0], tuple(row[1 : 1 + width]), *row[1 + width :]) for row in rows]


def sums_counted(
    shape: Shape, axis: int, *, rolled: bool, bucketed: bool, ever: bool = False, timed: bool = False
) -> Select[Any]:
    """Return the statement that adds up wins by bucket, group, entry stage and currency: their number, amounts, squares and seconds.

    With ``ever`` those before the first bound are bucket 0. If it is ``timed``, how many took how many days comes with it, but for bucket 0, in
    two columns that `unpacked_times` reads: ``times``, and ``less``, which is to be taken away from it.
    """
    if rolled:
        return _counted(shape, bucketed=bucketed, ever=ever, timed=timed)
    return _read(shape, axis, bucketed=bucketed, ever=ever, timed=timed)


@lru_cache(maxsize=256)
def _counted(shape: Shape, *, bucketed: bool, ever: bool, timed: bool) -> Select[Any]:
    in_rollup, in_deltas = (array([_packed(table.c.days, table.c["count"])]) for table in (win_rollup, win_deltas))
    told = (func.coalesce(win_rollup.c.times, in_rollup), in_deltas)
    rows = rolled(win_rollup, win_deltas, _WINS, _SUMS, ever=ever, told=told if timed else None)
    dimensions = Dimensions(shape, rows)
    bucket = counted_bucket(rows, bucketed=bucketed)
    by = [*dimensions.keys, rows.c.entry_stage, rows.c.currency]
    count = cast(func.sum(rows.c["count"]), BigInteger)
    times = []
    if timed:
        sent = joined_up(_sent(rows.c.told))
        times = [
            sent.filter(bucket > NOTHING, rows.c.sign > NOTHING).label("times"),
            sent.filter(bucket > NOTHING, rows.c.sign < NOTHING).label("less"),
        ]
    return (
        select(
            bucket,
            *by,
            count.label("wins"),
            func.sum(rows.c.amount).label("amount"),
            func.sum(rows.c.squares).label("squares"),
            cast(func.sum(rows.c.seconds), BigInteger).label("seconds"),
            *times,
        )
        .where(rows.c.axis == bindparam("axis", type_=SmallInteger), *dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *by)
        .having(count != NOTHING)
    )


def _packed(days: ColumnElement[int], count: ColumnElement[Any]) -> ColumnElement[int]:
    """Return what says that so many wins took so many days, as one number."""
    return cast(days, BigInteger) * _UNIT + cast(count, BigInteger)


@lru_cache(maxsize=256)
def _read(shape: Shape, axis: int, *, bucketed: bool, ever: bool, timed: bool) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    at = journey.c.started_at if axis == STARTED else journey.c.won_at
    bucket = bucket_of(at, bucketed=bucketed)
    spent = extract("epoch", journey.c.won_at - journey.c.started_at)
    currency = case((journey.c.amount.is_not(None), journey.c.currency)).label("currency")
    by = [*dimensions.keys, journey.c.entry_stage, currency]
    within = sources.before(at) if ever else sources.in_bounds(at)
    times = []
    if timed:
        took = func.array_agg(_packed(func.floor(spent / 86_400), _ONE)).filter(bucket > NOTHING)
        times = [_sent(took).label("times"), cast(null(), LargeBinary).label("less")]
    return (
        select(
            bucket,
            *by,
            cast(func.count(), BigInteger).label("wins"),
            cast(func.coalesce(func.sum(journey.c.amount), 0), Numeric).label("amount"),
            cast(func.coalesce(func.sum(journey.c.amount * journey.c.amount), 0), Numeric).label("squares"),
            cast(func.sum(func.floor(spent)), BigInteger).label("seconds"),
            *times,
        )
        .select_from(dimensions.joined(journey))
        .where(journey.c.won_at.is_not(None), within, *dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *by)
    )


def _sent(times: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Return the numbers of an array as they are sent, without what is said of all of them."""
    return func.substring(func.array_send(times, type_=LargeBinary), _HEAD + 1, type_=LargeBinary)


def unpacked_times(sent: Sequence[bytes], signs: Sequence[int]) -> tuple[Ints, Ints, list[int]]:
    """Return numbers of whole days, how many wins took each, and how many there are of each value that `sums_counted` sent.

    Each value has a sign. A number of days may occur again, and with a negative count.
    """
    sizes = [len(value) // _NUMBERS.itemsize for value in sent]
    both = np.frombuffer(b"".join(sent), dtype=_NUMBERS)["number"].astype(np.int64)
    days = (both + _UNIT // 2) >> COUNT_BITS
    return days, (both - (days << COUNT_BITS)) * np.repeat(np.array(signs, dtype=np.int64), sizes), sizes
