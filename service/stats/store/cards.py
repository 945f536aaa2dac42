"""What the card asks of the counters: how many started, and how many were won and lost, a row for each bucket and group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.lifecycle.stages import Stage
from service.stats.kpis import Decided, Started
from service.stats.question import Question
from service.stats.store import sources
from service.stats.store.counts import cells_counted, intervals, moves_counted
from service.stats.store.dimensions import Shape
from service.stats.store.rows import read_counters, read_rows


async def started(connection: AsyncConnection, question: Question, bounds: Sequence[datetime]) -> list[Started]:
    """Return how many journeys started between ascending bounds, in one statement."""
    rolled = question.is_rolled_up(*bounds)
    statement = _started(Shape.of(question), rolled=rolled)
    return [Started(row[0], tuple(row[1:-1]), row[-1]) for row in await _rows(connection, question, bounds, statement)]


async def decided(connection: AsyncConnection, question: Question, bounds: Sequence[datetime]) -> list[Decided]:
    """Return how many moves into won, and out of the funnel without a win, fell between ascending bounds, in one statement."""
    rolled = question.is_rolled_up(*bounds)
    statement = _decided(Shape.of(question), rolled=rolled)
    return [
        Decided(row[0], tuple(row[1:-2]), *row[-2:]) for row in await _rows(connection, question, bounds, statement)
    ]


async def _rows(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime], statement: Select[Any]
) -> Sequence[Any]:
    rolled = question.is_rolled_up(*bounds)
    given = sources.parameters(question) | intervals(question, bounds, rolled=rolled)
    return (await (read_counters if rolled else read_rows)(connection, statement, given)).all()


@lru_cache(maxsize=256)
def _started(shape: Shape, *, rolled: bool) -> Select[Any]:
    cells = cells_counted(shape, rolled=rolled, bucketed=True).subquery("cells")
    keys = list(cells.c)[: 1 + len(shape.group_by)]
    return select(*keys, _sum(list(cells.c)[-1])).group_by(*keys)


@lru_cache(maxsize=256)
def _decided(shape: Shape, *, rolled: bool) -> Select[Any]:
    moves = moves_counted(shape, rolled=rolled, bucketed=True).subquery("moves")
    keys, moved_in = list(moves.c)[: 1 + len(shape.group_by)], list(moves.c)[-2]
    is_won = moves.c.to_stage == str(Stage.WON)
    is_lost = and_(moves.c.to_stage == str(Stage.CHURNED), moves.c.from_stage.is_distinct_from(str(Stage.WON)))
    counts = [func.coalesce(_sum(moved_in, where=which), 0) for which in (is_won, is_lost)]
    return select(*keys, *counts).where(or_(is_won, is_lost)).group_by(*keys)


def _sum(counted: ColumnElement[int], where: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    total = func.sum(counted)
    return cast(total if where is None else total.filter(where), BigInteger)
