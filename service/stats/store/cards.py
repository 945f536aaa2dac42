"""What the card asks of the counters: how many started, how many were won and lost, and how long the wins took; in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    LargeBinary,
    Select,
    SmallInteger,
    and_,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.lifecycle.stages import Stage
from service.stats.definitions import WON
from service.stats.kpis import Decided, Started
from service.stats.question import Key, Question
from service.stats.returns import WinTimes
from service.stats.store import sources
from service.stats.store.counts import cells_counted, intervals, moves_counted
from service.stats.store.dimensions import Shape
from service.stats.store.rows import read_counters, read_rows
from service.stats.store.wins import times_counted

_STARTED: Final = 0
_DECIDED: Final = 1
_TOOK: Final = 2

_TIMES: Final = np.dtype([("days", ">i4"), ("wins", ">i8")])
_NOTHING: Final = cast(null(), BigInteger)
_NO_TIMES: Final = cast(null(), LargeBinary).label("times")


async def card_counts(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime]
) -> tuple[list[Started], list[Decided], list[WinTimes]]:
    """Return how many journeys started between ascending bounds, how many moves decided one, and how many days the wins took."""
    cells = replace(question, mode="cohort").is_rolled_up(*bounds)
    moves = question.is_rolled_up(*bounds)
    statement = _counted(Shape.of(question), cells=cells, moves=moves)
    given = sources.parameters(question) | intervals(question, bounds, rolled=cells or moves) | {"axis": WON}
    read = read_counters if cells and moves else read_rows
    begun: list[Started] = []
    ended: list[Decided] = []
    took: list[tuple[int, Key, bytes]] = []
    for part, bucket, *key, count, other, times in (await read(connection, statement, given)).all():
        match part:
            case 0:
                begun.append(Started(bucket, tuple(key), count))
            case 1:
                ended.append(Decided(bucket, tuple(key), count, other))
            case _:
                took.append((bucket, tuple(key), times))
    return begun, ended, _unpacked(took)


def _unpacked(took: Sequence[tuple[int, Key, bytes]]) -> list[WinTimes]:
    """Return histograms that were packed, all of them unpacked at once."""
    every = np.frombuffer(b"".join(packed for *_, packed in took), dtype=_TIMES)
    days, wins = (every[name].astype(np.int64) for name in ("days", "wins"))
    found, first = [], 0
    for bucket, key, packed in took:
        last = first + len(packed) // _TIMES.itemsize
        found.append(WinTimes(bucket, key, days[first:last], wins[first:last]))
        first = last
    return found


@lru_cache(maxsize=256)
def _counted(shape: Shape, *, cells: bool, moves: bool) -> CompoundSelect[Any]:
    parts = (_started(shape, rolled=cells), _decided(shape, rolled=moves), _took(shape, rolled=moves))
    # Each planned by itself: together they look large enough for more processes, and starting these takes longer than counting.
    planned = [part.cte(f"part_{number}").prefix_with("MATERIALIZED") for number, part in enumerate(parts)]
    return union_all(*(select(part) for part in planned))


def _started(shape: Shape, *, rolled: bool) -> Select[Any]:
    cells = cells_counted(shape, rolled=rolled, bucketed=True).subquery("cells")
    keys = list(cells.c)[: 1 + len(shape.group_by)]
    return select(
        _part(_STARTED), *keys, _sum(list(cells.c)[-1]).label("count"), _NOTHING.label("other"), _NO_TIMES
    ).group_by(*keys)


def _decided(shape: Shape, *, rolled: bool) -> Select[Any]:
    moves = moves_counted(shape, rolled=rolled, bucketed=True).subquery("moves")
    keys, moved_in = list(moves.c)[: 1 + len(shape.group_by)], list(moves.c)[-2]
    is_won = moves.c.to_stage == str(Stage.WON)
    is_lost = and_(moves.c.to_stage == str(Stage.CHURNED), moves.c.from_stage.is_distinct_from(str(Stage.WON)))
    counted = {"count": is_won, "other": is_lost}
    counts = [func.coalesce(_sum(moved_in, where=which), 0).label(name) for name, which in counted.items()]
    return select(_part(_DECIDED), *keys, *counts, _NO_TIMES).where(or_(is_won, is_lost)).group_by(*keys)


def _took(shape: Shape, *, rolled: bool) -> Select[Any]:
    times = times_counted(shape, WON, rolled=rolled).subquery("times")
    *keys, packed = list(times.c)
    nothing = (_NOTHING.label(name) for name in ("count", "other"))
    return select(_part(_TOOK), *keys, *nothing, packed.label("times"))


def _part(number: int) -> ColumnElement[int]:
    return literal(number, SmallInteger).label("part")


def _sum(counted: ColumnElement[int], where: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    total = func.sum(counted)
    return cast(total if where is None else total.filter(where), BigInteger)
