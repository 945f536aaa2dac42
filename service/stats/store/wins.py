"""Wins with what they brought and how long they took: from their rollup where it knows the dimensions, from the journeys otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Numeric,
    Select,
    SmallInteger,
    bindparam,
    case,
    cast,
    extract,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.definitions import STARTED
from service.stats.question import Question
from service.stats.returns import WinCount
from service.stats.store import sources
from service.stats.store.counts import bucket_of, intervals, rolled
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.milestones import whole_journeys
from service.stats.store.rows import read_counters, read_rows
from service.stats.tables import win_deltas, win_rollup

_NAMES = (
    "axis",
    "bucket",
    "channel",
    "campaign",
    "entry_stage",
    "currency",
    "days",
    "count",
    "amount",
    "squares",
    "seconds",
)
_NO_DAYS: Final[ColumnElement[int]] = literal_column("0", Integer).label("no_days")


async def win_counts(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime], *, axis: int, by_days: bool = True
) -> list[WinCount]:
    """Return the wins between ascending bounds, by when their journey started or when they happened, in one statement.

    Not ``by_days``, all count as if they took none: over a long time that is far fewer rows.
    """
    counted = question.is_rolled_up(*bounds)
    shape, bucketed = Shape.of(question), len(bounds) > 2
    statement = (
        _counted(shape, bucketed=bucketed, by_days=by_days)
        if counted
        else _read(shape, axis, bucketed=bucketed, by_days=by_days)
    )
    given = sources.parameters(question) | intervals(question, bounds, rolled=counted) | {"axis": axis}
    read = read_counters if counted else read_rows
    rows = (await read(connection, statement, given)).all()
    width = len(question.group_by)
    return [WinCount(row[0], tuple(row[1 : 1 + width]), *row[1 + width :]) for row in rows]


@lru_cache(maxsize=256)
def _counted(shape: Shape, *, bucketed: bool, by_days: bool) -> Select[Any]:
    rows = rolled(win_rollup, win_deltas, _NAMES)
    dimensions = Dimensions(shape, rows)
    bucket = bucket_of(rows.c.bucket, bucketed=bucketed)
    by = [*dimensions.keys, rows.c.entry_stage, rows.c.currency]
    by += [rows.c.days] if by_days else []
    count = cast(func.sum(rows.c["count"]), BigInteger)
    return (
        select(
            bucket,
            *by,
            *([] if by_days else [_NO_DAYS]),
            count,
            func.sum(rows.c.amount),
            func.sum(rows.c.squares),
            cast(func.sum(rows.c.seconds), BigInteger),
        )
        .where(rows.c.axis == bindparam("axis", type_=SmallInteger), *dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *by)
        .having(count != 0)
    )


@lru_cache(maxsize=256)
def _read(shape: Shape, axis: int, *, bucketed: bool, by_days: bool) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    at = journey.c.started_at if axis == STARTED else journey.c.won_at
    bucket = bucket_of(at, bucketed=bucketed)
    spent = extract("epoch", journey.c.won_at - journey.c.started_at)
    currency = case((journey.c.amount.is_not(None), journey.c.currency)).label("currency")
    by = [*dimensions.keys, journey.c.entry_stage, currency]
    by += [cast(func.floor(spent / 86_400), Integer).label("days")] if by_days else []
    return (
        select(
            bucket,
            *by,
            *([] if by_days else [_NO_DAYS]),
            cast(func.count(), BigInteger),
            cast(func.coalesce(func.sum(journey.c.amount), 0), Numeric),
            cast(func.coalesce(func.sum(journey.c.amount * journey.c.amount), 0), Numeric),
            cast(func.sum(func.floor(spent)), BigInteger),
        )
        .select_from(dimensions.joined(journey))
        .where(journey.c.won_at.is_not(None), sources.in_bounds(at), *dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *by)
    )
