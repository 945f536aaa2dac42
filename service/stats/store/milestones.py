"""Journeys with the times of their milestones: what questions about age and time are answered from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    FromClause,
    Integer,
    Interval,
    Select,
    and_,
    bindparam,
    case,
    cast,
    extract,
    func,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.lifecycle.stages import FUNNEL, Stage, funnel_rank
from service.stats.cohorts import AgeCount
from service.stats.definitions import Skips
from service.stats.question import Question
from service.stats.store import sources
from service.stats.store.counts import bucket_of
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.ledger import journeys
from service.stats.store.rows import read_rows


def whole_journeys(*, known: bool) -> FromClause:
    """Return the journeys that count with all their milestones: as they are, or as they were known at the parameter ``known_at``."""
    if known:
        return sources.journeys_of_ledger(known=True, whole=True)
    return select(journeys).where(journeys.c.counted).subquery("journey")


def reached_at(journey: FromClause, stage: str, skips: Skips) -> ColumnElement[Any]:
    """Return when a journey reached a stage, or null: it itself, or with credit for skips it or any later one of the funnel."""
    if stage == Stage.CHURNED:
        return journey.c.churned_at
    later = [str(one) for one in FUNNEL[max(1, funnel_rank(stage)) :]] if skips == "credit" else [stage]
    times = [journey.c[f"{name}_at"] for name in later]
    # LEAST passes nulls over.
    return func.least(*times) if len(times) > 1 else times[0]


async def age_counts(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime], *, stage: str, size: timedelta
) -> list[AgeCount]:
    """Return how many journeys that started between ascending bounds came to a stage at which age, in one statement."""
    statement = _ages(Shape.of(question), stage, question.skips)
    given = sources.parameters(question) | {"low": bounds[0], "high": bounds[-1], "bounds": list(bounds)}
    rows = (await read_rows(connection, statement, given | {"size": size.total_seconds()})).all()
    width = len(question.group_by)
    return [AgeCount(row[0], tuple(row[1 : 1 + width]), row[-2], row[-1]) for row in rows]


@lru_cache(maxsize=256)
def _ages(shape: Shape, stage: str, skips: Skips) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    bucket = bucket_of(journey.c.started_at, bucketed=True)
    spent = cast(extract("epoch", reached_at(journey, stage, skips) - journey.c.started_at), Float)
    # An age bucket ends with its last instant, as a window does: whoever needed exactly 30 days came within 30 days.
    age = case(
        (spent.is_not(None), cast(func.greatest(func.ceil(spent / bindparam("size", type_=Float)) - 1, 0), Integer))
    ).label("age")
    by = [*dimensions.keys, age]
    return (
        select(bucket, *by, cast(func.count(), BigInteger))
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(bucket, *by)
    )


@lru_cache(maxsize=256)
def journeys_aged(shape: Shape, stage: str, skips: Skips, *, aged: bool) -> Select[Any]:
    """Return the journeys that started between ``low`` and ``high``, ``aged`` only those that came to the stage at an age between
    ``youngest`` and ``oldest``: ``at, lead_id, n``.
    """
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    conditions = [sources.in_bounds(journey.c.started_at), *dimensions.conditions]
    if aged:
        spent = reached_at(journey, stage, skips) - journey.c.started_at
        youngest, oldest = bindparam("youngest", type_=Interval), bindparam("oldest", type_=Interval)
        conditions.append(and_(spent > youngest, spent <= oldest))
    return (
        select(journey.c.started_at.label("at"), journey.c.lead_id, journey.c.number.label("n"))
        .select_from(dimensions.joined(journey))
        .where(*conditions)
    )
