"""What the card asks of the counters: how many started, how many were won and lost, and how long the wins took; in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

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
    case,
    cast,
    func,
    literal,
    literal_column,
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
from service.stats.store.wins import sums_counted, unpacked_times

# As they are in every such statement, so that PostgreSQL plans it once.
_WON, _CHURNED = (literal_column(f"'{stage}'", Text) for stage in (Stage.WON, Stage.CHURNED))
_OF_GROUP: Final = 0
_OF_WINS: Final = 1

_COUNTED: Final[Mapping[str, type[TypeEngine[Any]]]] = {
    "started": BigInteger,
    "won": BigInteger,
    "lost": BigInteger,
}
"""What is counted of a group; each part of the statement that counts leaves out what it does not know."""

_COLUMNS: Final[Mapping[str, type[TypeEngine[Any]]]] = {
    **_COUNTED,
    "entry_stage": Text,
    "currency": Text,
    "seconds": BigInteger,
    "amount": Numeric,
    "squares": Numeric,
    "times": LargeBinary,
    "less": LargeBinary,
}
"""What the statement tells, after the bucket and the group: what is counted of a group, or of its wins that are alike."""


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
    given |= runs_of(question, [BEGINNING, *bounds], first=0, of_wins=True, ever=True) if moves else {}
    found = CardCounts([], [], [], [])
    took: list[tuple[int, Key, bytes, int]] = []
    read = read_counters if cells and moves else read_rows
    for row in (await read(connection, statement, given)).all():
        part, bucket, *named, started, won, lost, entry_stage, currency, seconds, amount, squares, times, less = row
        key = tuple(named)
        if part == _OF_WINS:
            found.wins.append(WinCount(bucket, key, entry_stage, currency, won, amount, squares, seconds))
            took.extend((bucket, key, sent, sign) for sent, sign in ((times, 1), (less, -1)) if sent)
            continue
        if started:
            found.started.append(Started(bucket, key, started))
        if won or lost:
            found.decided.append(Decided(bucket, key, won, lost))
    found.times.extend(_unpacked(took))
    return found


def _unpacked(took: Sequence[tuple[int, Key, bytes, int]]) -> list[WinTimes]:
    """Return histograms that were packed, all of them unpacked at once."""
    days, wins, sizes = unpacked_times([sent for *_, sent, _ in took], [sign for *_, sign in took])
    found, first = [], 0
    for (bucket, key, *_), size in zip(took, sizes, strict=True):
        last = first + size
        found.append(WinTimes(bucket, key, days[first:last], wins[first:last]))
        first = last
    return found


@lru_cache(maxsize=256)
def _counted(shape: Shape, *, cells: bool, moves: bool) -> CompoundSelect[Any]:
    # Each planned by itself: together they look large enough for more processes, and starting these takes longer than counting.
    parts = [
        part.cte(f"part_{number}").prefix_with("MATERIALIZED")
        for number, part in enumerate((_started(shape, rolled=cells), _decided(shape, rolled=moves)))
    ]
    counted = union_all(*map(select, parts)).subquery("counted")
    keys = list(counted.c)[: 1 + len(shape.group_by)]
    sums = {name: func.sum(counted.c[name]) for name in ("started", "won", "lost")}
    of_groups = _told(_OF_GROUP, keys, _COLUMNS, **sums).group_by(*keys)
    return union_all(of_groups, select(_won(shape, rolled=moves).cte("wins").prefix_with("MATERIALIZED")))


def _started(shape: Shape, *, rolled: bool) -> Select[Any]:
    *keys, journeys = list(cells_counted(shape, rolled=rolled, bucketed=True, by_cell=False).subquery("cells").c)
    return _told(None, keys, _COUNTED, started=journeys)


def _decided(shape: Shape, *, rolled: bool) -> Select[Any]:
    moves = moves_counted(shape, rolled=rolled, bucketed=True).subquery("moves")
    keys, moved_in = list(moves.c)[: 1 + len(shape.group_by)], list(moves.c)[-2]
    is_won = moves.c.to_stage == _WON
    is_lost = and_(moves.c.to_stage == _CHURNED, moves.c.from_stage.is_distinct_from(_WON))
    won, lost = (case((which, moved_in), else_=0) for which in (is_won, is_lost))
    return _told(None, keys, _COUNTED, won=won, lost=lost).where(or_(is_won, is_lost))


def _won(shape: Shape, *, rolled: bool) -> Select[Any]:
    wins = sums_counted(shape, WON, rolled=rolled, bucketed=True, ever=True, timed=True).subquery("wins")
    keys = list(wins.c)[: 1 + len(shape.group_by)]
    told = {name: wins.c[name] for name in ("entry_stage", "currency", "amount", "squares", "seconds", "times", "less")}
    return _told(_OF_WINS, keys, _COLUMNS, won=wins.c.wins, **told)


def _told(
    part: int | None,
    keys: Sequence[ColumnElement[Any]],
    columns: Mapping[str, type[TypeEngine[Any]]],
    **told: ColumnElement[Any],
) -> Select[Any]:
    shown: list[ColumnElement[Any]] = [] if part is None else [literal(part, SmallInteger).label("part")]
    shown += [*keys, *(cast(told.get(name, null()), kind).label(name) for name, kind in columns.items())]
    return select(*shown)
