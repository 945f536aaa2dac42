"""What the card asks of the counters: how many started, how many were won and lost, and how long the wins took; in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    LargeBinary,
    Numeric,
    Select,
    SmallInteger,
    Text,
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
from sqlalchemy.types import TypeEngine

from service.lifecycle.stages import Stage
from service.stats.definitions import BEGINNING, WON
from service.stats.kpis import Decided, Started
from service.stats.question import Key, Question
from service.stats.returns import WinCount, WinTimes
from service.stats.store import sources
from service.stats.store.counts import cells_counted, intervals, moves_counted, runs_of
from service.stats.store.dimensions import Shape
from service.stats.store.rows import read_counters, read_rows
from service.stats.store.wins import sums_counted, times_counted

_STARTED: Final = 0
_DECIDED: Final = 1
_WON: Final = 2
_TOOK: Final = 3

_TIMES: Final = np.dtype([("days", ">i4"), ("wins", ">i8")])
_COLUMNS: Final[Mapping[str, type[TypeEngine[Any]]]] = {
    "entry_stage": Text,
    "currency": Text,
    "count": BigInteger,
    "other": BigInteger,
    "amount": Numeric,
    "squares": Numeric,
    "times": LargeBinary,
}
"""What the parts of the statement tell, after the bucket and the group; each leaves out what it does not know."""


class CardCounts(NamedTuple):
    """What the counters say: in bucket 1 of the period before, in bucket 2 of the period, and of wins in bucket 0 of all that was before."""

    started: list[Started]
    decided: list[Decided]
    wins: list[WinCount]
    times: list[WinTimes]


async def card_counts(connection: AsyncConnection, question: Question, bounds: Sequence[datetime]) -> CardCounts:
    """Return how many journeys started between ascending bounds, how many moves decided one, what wins brought, and how long they took."""
    cells = replace(question, mode="cohort").is_rolled_up(*bounds)
    moves = question.is_rolled_up(*bounds)
    statement = _counted(Shape.of(question), cells=cells, moves=moves)
    given = sources.parameters(question) | intervals(question, bounds, rolled=cells or moves) | {"axis": WON}
    given |= runs_of(question, [BEGINNING, *bounds], first=0, by_days=False, ever=True) if moves else {}
    found = CardCounts([], [], [], [])
    took: list[tuple[int, Key, bytes]] = []
    read = read_counters if cells and moves else read_rows
    for row in (await read(connection, statement, given)).all():
        part, bucket, *named, entry_stage, currency, count, other, amount, squares, times = row
        key = tuple(named)
        if part == _STARTED:
            found.started.append(Started(bucket, key, count))
        elif part == _DECIDED:
            found.decided.append(Decided(bucket, key, count, other))
        elif part == _WON:
            found.wins.append(WinCount(bucket, key, entry_stage, currency, count, amount, squares, other))
        else:
            took.append((bucket, key, times))
    found.times.extend(_unpacked(took))
    return found


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
    parts = (
        _started(shape, rolled=cells),
        _decided(shape, rolled=moves),
        _won(shape, rolled=moves),
        _took(shape, rolled=moves),
    )
    # Each planned by itself: together they look large enough for more processes, and starting these takes longer than counting.
    planned = [part.cte(f"part_{number}").prefix_with("MATERIALIZED") for number, part in enumerate(parts)]
    return union_all(*(select(part) for part in planned))


def _started(shape: Shape, *, rolled: bool) -> Select[Any]:
    *keys, journeys = list(cells_counted(shape, rolled=rolled, bucketed=True, by_cell=False).subquery("cells").c)
    return _part(_STARTED, keys, count=journeys)


def _decided(shape: Shape, *, rolled: bool) -> Select[Any]:
    moves = moves_counted(shape, rolled=rolled, bucketed=True).subquery("moves")
    keys, moved_in = list(moves.c)[: 1 + len(shape.group_by)], list(moves.c)[-2]
    is_won = moves.c.to_stage == str(Stage.WON)
    is_lost = and_(moves.c.to_stage == str(Stage.CHURNED), moves.c.from_stage.is_distinct_from(str(Stage.WON)))
    won, lost = (func.coalesce(func.sum(moved_in).filter(which), 0) for which in (is_won, is_lost))
    return _part(_DECIDED, keys, count=won, other=lost).where(or_(is_won, is_lost)).group_by(*keys)


def _won(shape: Shape, *, rolled: bool) -> Select[Any]:
    wins = sums_counted(shape, WON, rolled=rolled, bucketed=True, ever=True).subquery("wins")
    keys = list(wins.c)[: 1 + len(shape.group_by)]
    told = {name: wins.c[name] for name in ("entry_stage", "currency", "amount", "squares")}
    return _part(_WON, keys, count=wins.c.wins, other=wins.c.seconds, **told)


def _took(shape: Shape, *, rolled: bool) -> Select[Any]:
    *keys, packed = list(times_counted(shape, WON, rolled=rolled).subquery("times").c)
    return _part(_TOOK, keys, times=packed)


def _part(number: int, keys: Sequence[ColumnElement[Any]], **told: ColumnElement[Any]) -> Select[Any]:
    columns = [cast(told.get(name, null()), kind).label(name) for name, kind in _COLUMNS.items()]
    return select(literal(number, SmallInteger).label("part"), *keys, *columns)
