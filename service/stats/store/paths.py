"""Paths: the touches of journeys by time, for attribution."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Float,
    FromClause,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as SQL_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.definitions import BEGINNING, END
from service.stats.question import Key, Question, overlap
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.ledger import touchpoints
from service.stats.store.milestones import whole_journeys
from service.stats.store.packing import joined_up
from service.stats.store.rows import read_rows
from service.stats.touches import BEFORE_ALL, NOT_WON, Journeys, Ordered, Paths, Rows, paths_of

_NO_AMOUNT: Final = literal_column("'NaN'::float8", Float)
_INT32: Final = 2**31
_ROOM: Final = 16
"""How many bytes an id takes."""


class Credited(NamedTuple):
    """The paths of the journeys of a group, and the revenue of those that were won, by currency."""

    paths: Paths
    revenue: dict[str, Decimal]

    @classmethod
    def together(cls, parts: Collection[Credited]) -> Credited:
        """Return several groups of journeys as one; none of them may be in two."""
        revenue: dict[str, Decimal] = {}
        for currency, amount in (pair for part in parts for pair in part.revenue.items()):
            revenue[currency] = revenue.get(currency, Decimal(0)) + amount
        return cls(Paths.together(part.paths for part in parts), revenue)


async def read_paths(
    connection: AsyncConnection,
    question: Question,
    *,
    by: str,
    lookback: timedelta | None,
    admit: Callable[[int], None],
) -> dict[Key, Credited]:
    """Return the paths of the journeys of a question, and what they brought, by group; the only one is there even if it has none.

    ``connection`` must hold a snapshot: what stands in the order of ids is asked for afterwards. ``admit`` is told how many groups there are
    before anything is made of them, and may raise.
    """
    bounds = (question.low, question.high)
    whole = not question.conditions and question.unit == "journey" and bounds == (BEGINNING, END)
    statement = _rows(Shape.of(question), by, whole=whole)
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    width = len(question.group_by)
    found = [_Packed(tuple(row[:width]), *row[width:]) for row in (await read_rows(connection, statement, given)).all()]
    groups: dict[Key, dict[str, Decimal]] = {} if width else {(): {}}
    for one in found:
        if not one.is_touch:
            revenue = groups.setdefault(one.key, {})
            if one.currency is not None and one.revenue is not None:
                revenue[one.currency] = revenue.get(one.currency, Decimal(0)) + one.revenue
    admit(len(groups))
    limit = None if lookback is None else lookback // timedelta(microseconds=1)
    gathered = await asyncio.to_thread(_gathered, found, list(groups), apart=question.groups_overlap)
    names = await _in_their_order(connection, set(gathered.tied), by) if gathered.tied else {}
    paths = await asyncio.to_thread(_paths, gathered, names, len(groups), limit)
    return {key: Credited(some, brought) for (key, brought), some in zip(groups.items(), paths, strict=True)}


_Journey = tuple[UUID, int]
"""A lead, and the number of its journey."""


async def _in_their_order(
    connection: AsyncConnection, tied: Collection[_Journey], by: str
) -> dict[_Journey, list[str | None]]:
    """Return the names of all touches of each of these journeys, by time and id: of touches at once, the first told of."""
    given = {"leads": [lead for lead, _ in tied], "numbers": [number for _, number in tied]}
    names: dict[_Journey, list[str | None]] = {journey: [] for journey in tied}
    for lead, number, name in (await read_rows(connection, _tied(by), given)).all():
        names[lead, number].append(name)
    return names


def _paths(
    gathered: _Gathered, names: Mapping[_Journey, Sequence[str | None]], groups: int, lookback: int | None
) -> list[Paths]:
    if gathered.tied:
        codes = {name: code for code, name in enumerate(gathered.names)}
        gathered.ordered.settle([codes[name] for one in gathered.tied for name in names[one]])
    return paths_of(
        gathered.ordered, gathered.journeys, gathered.names, gathered.currencies, groups=groups, lookback=lookback
    )


class _Packed(NamedTuple):
    """Journeys or touches that are alike, packed. Touches have the key of their group only where a journey may be in several."""

    key: Key
    is_touch: bool
    name: str | None
    number: int
    currency: str | None
    is_won: bool
    revenue: Decimal | None
    leads: bytes
    at: bytes | None
    amounts: bytes | None


class _Gathered(NamedTuple):
    """What paths are made of; ``tied`` are the journeys of which only the ids of their touches tell the order, in theirs."""

    ordered: Ordered
    journeys: Journeys
    names: list[str | None]
    currencies: list[str | None]
    tied: list[_Journey]


def _gathered(found: list[_Packed], groups: Sequence[Key], *, apart: bool) -> _Gathered:
    """Unpack rows; ``apart`` says that a journey may be in several groups: it is another one in each."""
    group_of = {key: number for number, key in enumerate(groups)}
    names = list(dict.fromkeys(one.name for one in found))
    currencies = list(dict.fromkeys([None, *(one.currency for one in found)]))
    found.sort(key=lambda one: one.is_touch)
    journeys = [one for one in found if not one.is_touch]
    held = [len(one.leads) // _ROOM for one in journeys]
    told = Journeys(
        _joined([_won(one, number) for one, number in zip(journeys, held, strict=True)], np.int64),
        np.repeat(np.array([currencies.index(one.currency) for one in journeys], dtype=np.int64), held),
        _joined([_amounts(one, number) for one, number in zip(journeys, held, strict=True)], np.float64),
        np.repeat(np.array([group_of[one.key] for one in journeys], dtype=np.int64), held),
    )
    journeys_a_lead = max((one.number for one in found), default=0) + 1
    numbers = [one.number + journeys_a_lead * group_of[one.key] if apart else one.number for one in found]
    rows = _unpacked(found, numbers, names)
    # Packed, they take as much room again.
    journeys.clear()
    found.clear()
    ordered = Ordered(rows)
    tied = [(UUID(int=high << 64 | low), number % journeys_a_lead) for high, low, number in ordered.tied()]
    return _Gathered(ordered, told, names, currencies, tied)


def _won(one: _Packed, number: int) -> NDArray[Any]:
    return np.frombuffer(one.at, dtype=">i8") if one.at else np.full(number, NOT_WON)


def _amounts(one: _Packed, number: int) -> NDArray[Any]:
    return np.frombuffer(one.amounts, dtype=">f8") if one.amounts else np.full(number, np.nan)


def _unpacked(found: Sequence[_Packed], numbers: Sequence[int], names: Sequence[str | None]) -> Rows:
    held = [len(one.leads) // _ROOM for one in found]
    codes = {name: code for code, name in enumerate(names)}
    times = [
        np.frombuffer(one.at or b"", dtype=">i8") if one.is_touch else np.full(number, BEFORE_ALL)
        for one, number in zip(found, held, strict=True)
    ]
    return Rows(
        *_halves([one.leads for one in found]),
        np.repeat(np.array(numbers, dtype=np.int32 if max(numbers, default=0) < _INT32 else np.int64), held),
        np.repeat(np.array([codes[one.name] for one in found], dtype=np.int32), held),
        _joined(times, np.int64),
    )


def _halves(ids: Sequence[bytes]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return ids of sixteen bytes each as two numbers that are ordered as they are."""
    pairs = [np.frombuffer(some, dtype=">u8").reshape(-1, 2) for some in ids]
    return _joined([pair[:, 0] for pair in pairs], np.uint64), _joined([pair[:, 1] for pair in pairs], np.uint64)


def _joined(parts: Sequence[NDArray[Any]], kind: type[Any]) -> NDArray[Any]:
    whole = np.empty(sum(map(len, parts)), dtype=kind)
    return np.concatenate(parts, out=whole) if parts else whole


@lru_cache(maxsize=64)
def _rows(shape: Shape, by: str, *, whole: bool) -> CompoundSelect[Any]:
    """Return journeys and touches, packed by all that few of them differ in, in one statement.

    ``whole``: all there are, so that nothing needs to be compared; touches of journeys that do not count are read too, and are few.
    """
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    is_won = journey.c.won_at.is_not(None)
    chosen = [] if whole else [sources.in_bounds(journey.c.started_at), *dimensions.conditions]
    amount = func.float8send(func.coalesce(cast(journey.c.amount, Float(53)), _NO_AMOUNT), type_=LargeBinary)
    won = case((is_won, amount))
    of_journeys = (
        select(
            *dimensions.keys,
            false().label("is_touch"),
            journey.c[by].label("name"),
            journey.c.number,
            journey.c.currency,
            is_won.label("is_won"),
            func.sum(journey.c.amount).filter(is_won).label("revenue"),
            joined_up(func.uuid_send(journey.c.lead_id, type_=LargeBinary)).label("leads"),
            joined_up(func.timestamptz_send(journey.c.won_at, type_=LargeBinary)).label("at"),
            joined_up(won).label("amounts"),
        )
        .select_from(dimensions.joined(journey))
        .where(*chosen)
        .group_by(*dimensions.keys, journey.c[by], journey.c.number, journey.c.currency, is_won)
    )
    # Touches are of the group that their journey is in; only where that may be several each has its own.
    several = overlap(shape.group_by)
    of_touch = dimensions if several else Dimensions(shape._replace(group_by=()), journey)
    journeys_and_touches = of_touch.joined(journey.join(touchpoints, and_(*_touches(journey))))
    rows = touchpoints if whole and not several else journeys_and_touches
    of_touches = (
        select(
            *(of_touch.keys if several else [cast(null(), Text).label(key.name) for key in dimensions.keys]),
            true().label("is_touch"),
            touchpoints.c[by].label("name"),
            touchpoints.c.journey.label("number"),
            null().cast(Text).label("currency"),
            false().label("is_won"),
            null().cast(Numeric).label("revenue"),
            joined_up(func.uuid_send(touchpoints.c.lead_id, type_=LargeBinary)).label("leads"),
            joined_up(func.timestamptz_send(touchpoints.c.occurred_at, type_=LargeBinary)).label("at"),
            null().cast(LargeBinary).label("amounts"),
        )
        .select_from(rows)
        .where(*chosen)
        .group_by(*of_touch.keys, touchpoints.c[by], touchpoints.c.journey)
    )
    # Two of PostgreSQL's processes work on one each; to let several work on each would need both to be kept on disk on the way.
    return union_all(of_journeys, of_touches)


@lru_cache(maxsize=8)
def _tied(by: str) -> Select[Any]:
    wanted = (
        func.unnest(bindparam("leads", type_=ARRAY(SQL_UUID)), bindparam("numbers", type_=ARRAY(Integer)))
        .table_valued(column("lead_id", SQL_UUID), column("number", Integer))
        .render_derived(name="wanted")
    )
    of_journey = and_(touchpoints.c.lead_id == wanted.c.lead_id, touchpoints.c.journey == wanted.c.number)
    order = (touchpoints.c[name] for name in ("lead_id", "journey", "occurred_at", "id"))
    return (
        select(touchpoints.c.lead_id, touchpoints.c.journey, touchpoints.c[by])
        .select_from(touchpoints.join(wanted, of_journey))
        .order_by(*order)
    )


def _touches(journey: FromClause) -> list[ColumnElement[bool]]:
    return [touchpoints.c.lead_id == journey.c.lead_id, touchpoints.c.journey == journey.c.number]


def _credited(journey: FromClause, *, limited: bool) -> list[ColumnElement[bool]]:
    conditions = [*_touches(journey), touchpoints.c.occurred_at <= journey.c.won_at]
    if limited:
        conditions.append(touchpoints.c.occurred_at >= journey.c.won_at - bindparam("lookback", type_=Interval))
    return conditions


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
