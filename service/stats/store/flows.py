"""The flow from the ledger: different leads behind each pair of stages, which no sum of counters can tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Select, Text, and_, bindparam, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.flow import LeadCount
from service.stats.question import Question
from service.stats.store import sources
from service.stats.store.counts import bucket_of
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.rows import read_rows


async def lead_counts(connection: AsyncConnection, question: Question, bounds: Sequence[datetime]) -> list[LeadCount]:
    """Return how many different leads moved between two stages in each bucket and group, in one statement."""
    given = sources.parameters(question) | {"low": bounds[0], "high": bounds[-1], "bounds": list(bounds)}
    statement = _distinct(Shape.of(question), bucketed=len(bounds) > 2)
    width = len(question.group_by)
    rows = (await read_rows(connection, statement, given)).all()
    return [LeadCount(row[0], tuple(row[1 : 1 + width]), *row[-3:]) for row in rows]


@lru_cache(maxsize=256)
def _distinct(shape: Shape, *, bucketed: bool) -> Select[Any]:
    move = sources.moves(known=shape.known)
    journey = sources.counted_journeys(windowed=False, known=shape.known)
    dimensions = Dimensions(shape, journey)
    bucket = bucket_of(move.c.occurred_at, bucketed=bucketed)
    by = [*dimensions.keys, move.c.from_stage, move.c.to_stage]
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == move.c.journey)
    return (
        select(bucket, *by, cast(func.count(move.c.lead_id.distinct()), BigInteger))
        .select_from(dimensions.joined(move.join(journey, of_journey)))
        .where(sources.in_bounds(move.c.occurred_at), *dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *by)
    )


@lru_cache(maxsize=256)
def moves_between(shape: Shape, *, acquired: bool) -> Select[Any]:
    """Return the moves between ``low`` and ``high`` from ``source`` into ``stage``; ``acquired`` those from nothing: ``at, lead_id, n``."""
    move = sources.moves(known=shape.known)
    journey = sources.counted_journeys(windowed=False, known=shape.known)
    dimensions = Dimensions(shape, journey)
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == move.c.journey)
    whence = move.c.from_stage.is_(None) if acquired else move.c.from_stage == bindparam("source", type_=Text)
    return (
        select(move.c.occurred_at.label("at"), move.c.lead_id, move.c.sequence.label("n"))
        .select_from(dimensions.joined(move.join(journey, of_journey)))
        .where(
            sources.in_bounds(move.c.occurred_at),
            move.c.to_stage == bindparam("stage", type_=Text),
            whence,
            *dimensions.conditions,
        )
    )
