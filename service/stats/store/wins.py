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
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.definitions import STARTED
from service.stats.estimators.histograms import Ints
from service.stats.question import Question
from service.stats.returns import WinCount
from service.stats.store import sources
from service.stats.store.counts import bucket_of, counted_bucket, intervals, rolled
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.milestones import whole_journeys
from service.stats.store.packing import joined_up
from service.stats.store.rows import read_counters, read_rows
from service.stats.tables import win_deltas, win_rollup

_WINS: Final = ("axis", "bucket", "channel", "campaign", "entry_stage", "currency", "days")
_SUMS: Final = ("count", "amount", "squares", "seconds")
# The days and, below them, the wins in one number: sending one costs half of sending two. That leaves 23 bits and a sign for the days, which is
# 22,000 years, and 39 and a sign for the wins.
_COUNT_BITS: Final = 40


async def win_counts(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime], *, axis: int
) -> list[WinCount]:
    """Return the wins between ascending bounds, by when their journey started or when they happened, in one statement."""
    counted = question.is_rolled_up(*bounds)
    shape, bucketed = Shape.of(question), len(bounds) > 2
    statement = sums_counted(shape, axis, rolled=counted, bucketed=bucketed)
    given = sources.parameters(question) | intervals(question, bounds, rolled=counted, by_days=False) | {"axis": axis}
    read = read_counters if counted else read_rows
    rows = (await read(connection, statement, given)).all()
    width = len(question.group_by)
    return [WinCount(row[0], tuple(row[1 : 1 + width]), *row[1 + width :]) for row in rows]


def sums_counted(shape: Shape, axis: int, *, rolled: bool, bucketed: bool, ever: bool = False) -> Select[Any]:
    """Return the statement that adds up wins by bucket, group, entry stage and currency: their number, amounts, squares and seconds.

    With ``ever`` those before the first bound are bucket 0.
    """
    if rolled:
        return _counted(shape, bucketed=bucketed, ever=ever)
    return _read(shape, axis, bucketed=bucketed, ever=ever)


def times_counted(shape: Shape, axis: int, *, rolled: bool) -> Select[Any]:
    """Return the statement that tells by bucket and group how many wins took how many whole days: `unpacked_times` has them.

    The rows of the rollup are sent as they are: a number of days may occur again, and with a negative count.
    """
    return _times_counted(shape) if rolled else _times_read(shape, axis)


@lru_cache(maxsize=256)
def _counted(shape: Shape, *, bucketed: bool, ever: bool) -> Select[Any]:
    rows = rolled(win_rollup, win_deltas, _WINS, _SUMS, ever=ever)
    dimensions = Dimensions(shape, rows)
    bucket = counted_bucket(rows, bucketed=bucketed)
    by = [*dimensions.keys, rows.c.entry_stage, rows.c.currency]
    count = cast(func.sum(rows.c["count"]), BigInteger)
    return (
        select(
            bucket,
            *by,
            count.label("wins"),
            func.sum(rows.c.amount).label("amount"),
            func.sum(rows.c.squares).label("squares"),
            cast(func.sum(rows.c.seconds), BigInteger).label("seconds"),
        )
        .where(rows.c.axis == bindparam("axis", type_=SmallInteger), *dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *by)
        .having(count != 0)
    )


@lru_cache(maxsize=256)
def _read(shape: Shape, axis: int, *, bucketed: bool, ever: bool) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    at = journey.c.started_at if axis == STARTED else journey.c.won_at
    bucket = bucket_of(at, bucketed=bucketed)
    spent = extract("epoch", journey.c.won_at - journey.c.started_at)
    currency = case((journey.c.amount.is_not(None), journey.c.currency)).label("currency")
    by = [*dimensions.keys, journey.c.entry_stage, currency]
    within = sources.before(at) if ever else sources.in_bounds(at)
    return (
        select(
            bucket,
            *by,
            cast(func.count(), BigInteger).label("wins"),
            cast(func.coalesce(func.sum(journey.c.amount), 0), Numeric).label("amount"),
            cast(func.coalesce(func.sum(journey.c.amount * journey.c.amount), 0), Numeric).label("squares"),
            cast(func.sum(func.floor(spent)), BigInteger).label("seconds"),
        )
        .select_from(dimensions.joined(journey))
        .where(journey.c.won_at.is_not(None), within, *dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *by)
    )


def _times_counted(shape: Shape) -> Select[Any]:
    rows = rolled(win_rollup, win_deltas, _WINS, ("count",))
    dimensions = Dimensions(shape, rows)
    bucket = counted_bucket(rows, bucketed=True)
    return (
        select(bucket, *dimensions.keys, _sent(rows.c.days, rows.c["count"]))
        .where(rows.c.axis == bindparam("axis", type_=SmallInteger), *dimensions.conditions)
        .group_by(bucket, *dimensions.keys)
    )


def _times_read(shape: Shape, axis: int) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    at = journey.c.started_at if axis == STARTED else journey.c.won_at
    bucket = bucket_of(at, bucketed=True)
    days = cast(func.floor(extract("epoch", journey.c.won_at - journey.c.started_at) / 86_400), Integer).label("days")
    alike = (
        select(bucket, *dimensions.keys, days, cast(func.count(), BigInteger).label("count"))
        .select_from(dimensions.joined(journey))
        .where(journey.c.won_at.is_not(None), sources.in_bounds(at), *dimensions.conditions)
        .group_by(bucket, *dimensions.keys, days)
    ).subquery("alike")
    *keys, _, _ = list(alike.c)
    return select(*keys, _sent(alike.c.days, alike.c["count"])).group_by(*keys)


def _sent(days: ColumnElement[int], count: ColumnElement[int]) -> ColumnElement[bytes]:
    both = cast(days, BigInteger) * (1 << _COUNT_BITS) + cast(count, BigInteger)
    return joined_up(func.int8send(both, type_=LargeBinary))


def unpacked_times(packed: bytes) -> tuple[Ints, Ints]:
    """Return numbers of whole days and how many wins took each, from what `times_counted` told."""
    both = np.frombuffer(packed, dtype=">i8").astype(np.int64)
    days = (both + (1 << _COUNT_BITS - 1)) >> _COUNT_BITS
    return days, both - (days << _COUNT_BITS)
