"""What the card asks of the counters: how many started, how many were won and lost, and how long the wins took; in one statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    literal,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from service.lifecycle.machine import STARTING
from service.lifecycle.stages import Stage
from service.stats.definitions import BEGINNING, WON
from service.stats.kpis import Moved
from service.stats.question import Key, Question
from service.stats.returns import Spent, WinCount, WinTimes, has_costs
from service.stats.store import sources
from service.stats.store.counts import Moves, intervals, moves_of, runs_of, total
from service.stats.store.dimensions import Shape
from service.stats.store.rows import read_counted
from service.stats.store.spending import SPENT, days_of
from service.stats.store.wins import sums_counted, unpacked_times


def _named(stage: Stage) -> ColumnElement[str]:
    """Return a stage as it is in every such statement, so that PostgreSQL plans it once."""
    return literal_column(f"'{stage}'", Text)


_WON, _CHURNED = map(_named, (Stage.WON, Stage.CHURNED))
_OF_GROUP: Final = 0
_OF_WINS: Final = 1
_OF_SPENDING: Final = 2

_COLUMNS: Final[Mapping[str, type[TypeEngine[Any]]]] = {
    "started": BigInteger,
    "won": BigInteger,
    "lost": BigInteger,
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

    moved: list[Moved]
    wins: list[WinCount]
    times: WinTimes
    spent: list[Spent]


async def read_card(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime], *, alone: bool
) -> Told:
    """Return what `card_counts` reads: how many moves between ascending bounds started a journey or decided one, what wins brought, and how
    long they took.

    With what was spent, if the question's groups are ones that money is spent on. ``alone`` as in `read_counted`.
    """
    counted = question.is_rolled_up(*bounds)
    statement = _counted(Shape.of(question), rolled=counted, costs=has_costs(question))
    given = sources.parameters(question) | intervals(question, bounds, rolled=counted) | {"axis": WON}
    given |= runs_of(question, [BEGINNING, *bounds], first=0, of_wins=True, ever=True) if counted else {}
    given |= days_of(bounds[0], bounds[-1])
    return list(map(tuple, await read_counted(connection, statement, given, counted=counted, alone=alone)))


def card_counts(question: Question, rows: Told) -> CardCounts:
    """Return what rows of `read_card` say."""
    moved, wins, spent = [], [], []
    took: list[tuple[int, Key, bytes, int]] = []
    width = 2 + len(question.group_by)
    for row in rows:
        part, bucket, key, told = row[0], row[1], row[2:width], row[width:]
        if part == _OF_GROUP:
            moved.append(Moved(bucket, key, *told[:3]))
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
    return CardCounts(moved, wins, histograms, spent)


@lru_cache(maxsize=256)
def _counted(shape: Shape, *, rolled: bool, costs: bool) -> CompoundSelect[Any]:
    moved, wins = _moved(shape, rolled=rolled), _won(shape, rolled=rolled)
    keys = list(moved.selected_columns)[1 : 2 + len(shape.group_by)]
    # Each planned by itself: together they look large enough for more processes, and starting these takes longer than counting.
    parts = [part.cte(f"part_{number}").prefix_with("MATERIALIZED") for number, part in enumerate((moved, wins))]
    return union_all(*map(select, parts), *([_spent(keys)] if costs else []))


def _moved(shape: Shape, *, rolled: bool) -> Select[Any]:
    moves = moves_of(shape, rolled=rolled)
    lost = and_(moves.to_stage == _CHURNED, moves.from_stage.is_distinct_from(_WON))
    kinds = {"started": or_(*_starting(moves)), "won": moves.to_stage == _WON, "lost": lost}
    sums = [total(case((which, moves.moved_in), else_=0)).label(name) for name, which in kinds.items()]
    counted = moves.only(or_(*kinds.values())).added(sums=sums).subquery("moved")
    *keys, started, won, lost_sum = counted.c
    return _told(_OF_GROUP, keys, started=started, won=won, lost=lost_sum)


def _starting(moves: Moves) -> Iterator[ColumnElement[bool]]:
    """Yield what tells the moves that start a journey: no other event leads from the one stage to the other."""
    for source, target in sorted(STARTING, key=str):
        came_from = moves.from_stage.is_(None) if source is None else moves.from_stage == _named(source)
        yield and_(came_from, moves.to_stage == _named(target))


def _won(shape: Shape, *, rolled: bool) -> Select[Any]:
    wins = sums_counted(shape, WON, rolled=rolled, bucketed=True, ever=True, timed=True).subquery("wins")
    keys = list(wins.c)[: 1 + len(shape.group_by)]
    told = {name: wins.c[name] for name in ("entry_stage", "currency", "amount", "squares", "seconds", "times", "less")}
    return _told(_OF_WINS, keys, won=wins.c.wins, **told)


def _spent(keys: Sequence[ColumnElement[Any]]) -> Select[Any]:
    spent = SPENT.subquery("spent")
    nowhere = [cast(null(), key.type).label(key.name) for key in keys]
    told = dict(zip(Spent._fields, spent.c, strict=True))
    return _told(_OF_SPENDING, nowhere, **told)


def _told(part: int, keys: Sequence[ColumnElement[Any]], **told: ColumnElement[Any]) -> Select[Any]:
    shown = (cast(told.get(name, null()), kind).label(name) for name, kind in _COLUMNS.items())
    return select(literal(part, SmallInteger).label("part"), *keys, *shown)
