"""Paths: the touches of journeys by time, for attribution."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    Interval,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    extract,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.attribution import Won
from service.stats.estimators.credit import Path
from service.stats.question import Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.ledger import touchpoints
from service.stats.store.milestones import whole_journeys
from service.stats.store.rows import read_rows

_DAY: Final = 86_400.0


async def won_paths(
    connection: AsyncConnection, question: Question, *, by: str, lookback: timedelta | None
) -> list[Won]:
    """Return the journeys of a question that were won, each with its touches before the win."""
    statement = _won(Shape.of(question), by, lookback is not None)
    rows = (await read_rows(connection, statement, _given(question, lookback))).all()
    return [
        # Without a touch before the win what started the journey is all that is known.
        Won(tuple(path), tuple(ages), currency, amount) if path else Won((start,), (0.0,), currency, amount)
        for start, currency, amount, path, ages in rows
    ]


async def lost_paths(connection: AsyncConnection, question: Question, *, by: str) -> dict[Path, int]:
    """Return the paths of the journeys that were not won (yet), and how many had each."""
    rows = (await read_rows(connection, _lost(Shape.of(question), by), _given(question, None))).all()
    found: dict[Path, int] = {}
    for path, start, count in rows:
        taken = tuple(path) if path else (start,)
        found[taken] = found.get(taken, 0) + count
    return found


def _given(question: Question, lookback: timedelta | None) -> dict[str, Any]:
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    return given if lookback is None else given | {"lookback": lookback}


def _touches(journey: FromClause) -> list[ColumnElement[bool]]:
    return [touchpoints.c.lead_id == journey.c.lead_id, touchpoints.c.journey == journey.c.number]


def _credited(journey: FromClause, *, limited: bool) -> list[ColumnElement[bool]]:
    conditions = [*_touches(journey), touchpoints.c.occurred_at <= journey.c.won_at]
    if limited:
        conditions.append(touchpoints.c.occurred_at >= journey.c.won_at - bindparam("lookback", type_=Interval))
    return conditions


@lru_cache(maxsize=64)
def _won(shape: Shape, by: str, limited: bool) -> Select[Any]:  # noqa: FBT001  only ever called from above
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    order = (touchpoints.c.occurred_at, touchpoints.c.id)
    age = cast(extract("epoch", journey.c.won_at - touchpoints.c.occurred_at), Float) / _DAY
    path = (
        select(
            func.array_agg(aggregate_order_by(touchpoints.c[by], *order), type_=ARRAY(Text)).label("path"),
            func.array_agg(aggregate_order_by(age, *order), type_=ARRAY(Float)).label("ages"),
        )
        .where(*_credited(journey, limited=limited))
        .lateral("touched")
    )
    return (
        select(journey.c[by], journey.c.currency, journey.c.amount, path.c.path, path.c.ages)
        .select_from(dimensions.joined(journey).join(path, true()))
        .where(journey.c.won_at.is_not(None), sources.in_bounds(journey.c.started_at), *dimensions.conditions)
    )


@lru_cache(maxsize=64)
def _lost(shape: Shape, by: str) -> Select[Any]:
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    started = (
        select(journey.c.lead_id, journey.c.number, journey.c[by].label("start"))
        .select_from(dimensions.joined(journey))
        .where(journey.c.won_at.is_(None), sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .subquery("started")
    )
    order = (touchpoints.c.occurred_at, touchpoints.c.id)
    path = func.array_agg(aggregate_order_by(touchpoints.c[by], *order), type_=ARRAY(Text)).filter(
        touchpoints.c.id.is_not(None)
    )
    of_journey = and_(touchpoints.c.lead_id == started.c.lead_id, touchpoints.c.journey == started.c.number)
    each = (
        select(path.label("path"), func.min(started.c.start).label("start"))
        .select_from(started.outerjoin(touchpoints, of_journey))
        .group_by(started.c.lead_id, started.c.number)
        .subquery("each")
    )
    return select(each.c.path, each.c.start, func.count()).group_by(each.c.path, each.c.start)


@lru_cache(maxsize=64)
def journeys_touched(shape: Shape, by: str, *, known: bool, limited: bool) -> Select[Any]:
    """Return the won journeys that were touched by the parameter ``touched`` before the win (``known``), or by what has no name.

    ``at, lead_id, n``. A journey without any touch before its win is one of what started it.
    """
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    name = bindparam("touched", type_=Text)

    def named(column: ColumnElement[Any]) -> ColumnElement[bool]:
        return column == name if known else column.is_(None)

    some = exists().where(*_credited(journey, limited=limited))
    same = exists().where(*_credited(journey, limited=limited), named(touchpoints.c[by]))
    return (
        select(journey.c.started_at.label("at"), journey.c.lead_id, journey.c.number.label("n"))
        .select_from(dimensions.joined(journey))
        .where(
            journey.c.won_at.is_not(None),
            same | (~some & named(journey.c[by])),
            sources.in_bounds(journey.c.started_at),
            *dimensions.conditions,
        )
    )
