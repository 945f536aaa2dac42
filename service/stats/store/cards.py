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
    Date,
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
from service.stats.returns import Spent, WinCount, WinTimes, has_costs
from service.stats.store import sources
from service.stats.store.counts import cells_counted, intervals, moves_counted, runs_of
from service.stats.store.dimensions import Shape
from service.stats.store.rows import read_counted
from service.stats.store.spending import SPENT, days_of
from service.stats.store.wins import sums_counted, unpacked_times

# As they are in every such statement, so that PostgreSQL plans it once.
_WON, _CHURNED = (literal_column(f"'{stage}'", Text) for stage in (Stage.WON, Stage.CHURNED))
_OF_GROUP: Final = 0
_OF_WINS: Final = 1
_OF_SPENDING: Final = 2

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
    "channel": Text,
    "campaign": Text,
    "first": Date,
    "last": Date,
    "budget": Numeric,
}
"""What the statement tells, after the bucket and the group: what is counted of a group, or of its wins that are alike, or what was spent."""


Told = list[tuple[Any, ...]]
"""The rows that the statement found."""


class CardCounts(NamedTuple):
    """What the counters say: in bucket 1 of the period before, in bucket 2 of the period, and of wins in bucket 0 of all that was before."""

    started: list[Started]
    decided: list[Decided]
    wins: list[WinCount]
    times: WinTimes
    spent: list[Spent]


async def read_card(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime], *, alone: bool
) -> Told:
    """Return what `card_counts` reads: how many journeys started between ascending bounds, how many moves decided one, what wins brought, and
    how long they took.

    With what was spent, if the question's groups are ones that money is spent on. ``alone`` as in `read_counted`.
    """
    cells = replace(question, mode="cohort").is_rolled_up(*bounds)
    moves = question.is_rolled_up(*bounds)
    statement = _counted(Shape.of(question), cells=cells, moves=moves, costs=has_costs(question))
    given = sources.parameters(question) | intervals(question, bounds, rolled=cells or moves) | {"axis": WON}
    given |= runs_of(question, [BEGINNING, *bounds], first=0, of_wins=True, ever=True) if moves else {}
    given |= days_of(bounds[0], bounds[-1])
    return list(map(tuple, await read_counted(connection, statement, given, counted=cells and moves, alone=alone)))


def card_counts(question: Question, rows: Told) -> CardCounts:
    """Return what rows of `read_card` say."""
    started, decided, wins, spent = [], [], [], []
    took: list[tuple[int, Key, bytes, int]] = []
    width = 2 + len(question.group_by)
    for row in rows:
        part, bucket, key, told = row[0], row[1], row[2:width], row[width:]
        if part == _OF_GROUP:
            journeys, won, lost = told[:3]
            if journeys:
                started.append(Started(bucket, key, journeys))
            if won or lost:
                decided.append(Decided(bucket, key, won, lost))
            continue
        _, won, _, entry_stage, currency, seconds, amount, squares, times, less, *of_spending = told
        if part == _OF_WINS:
            wins.append(WinCount(bucket, key, entry_stage, currency, won, amount, squares, seconds))
            took.extend((bucket, key, sent, sign) for sent, sign in ((times, 1), (less, -1)) if sent)
        else:
            channel, campaign, first, last, budget = of_spending
            spent.append(Spent(channel, campaign, first, last, amount, budget, currency))
    days, counts, sizes = unpacked_times([sent for *_, sent, _ in took], [sign for *_, sign in took])
    histograms = WinTimes([bucket for bucket, *_ in took], [key for _, key, *_ in took], sizes, days, counts)
    return CardCounts(started, decided, wins, histograms, spent)


@lru_cache(maxsize=256)
def _counted(shape: Shape, *, cells: bool, moves: bool, costs: bool) -> CompoundSelect[Any]:
    # Each planned by itself: together they look large enough for more processes, and starting these takes longer than counting.
    parts = [
        part.cte(f"part_{number}").prefix_with("MATERIALIZED")
        for number, part in enumerate((_started(shape, rolled=cells), _decided(shape, rolled=moves)))
    ]
    counted = union_all(*map(select, parts)).subquery("counted")
    keys = list(counted.c)[: 1 + len(shape.group_by)]
    sums = {name: func.sum(counted.c[name]) for name in ("started", "won", "lost")}
    of_groups = _told(_OF_GROUP, keys, _COLUMNS, **sums).group_by(*keys)
    of_wins = select(_won(shape, rolled=moves).cte("wins").prefix_with("MATERIALIZED"))
    return union_all(of_groups, of_wins, *([_spent(keys)] if costs else []))


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


def _spent(keys: Sequence[ColumnElement[Any]]) -> Select[Any]:
    spent = SPENT.subquery("spent")
    nowhere = [cast(null(), key.type).label(key.name) for key in keys]
    told = dict(zip(Spent._fields, spent.c, strict=True))
    return _told(_OF_SPENDING, nowhere, _COLUMNS, **told)


def _told(
    part: int | None,
    keys: Sequence[ColumnElement[Any]],
    columns: Mapping[str, type[TypeEngine[Any]]],
    **told: ColumnElement[Any],
) -> Select[Any]:
    shown: list[ColumnElement[Any]] = [] if part is None else [literal(part, SmallInteger).label("part")]
    shown += [*keys, *(cast(told.get(name, null()), kind).label(name) for name, kind in columns.items())]
    return select(*shown)
