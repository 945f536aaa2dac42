"""Counts by bucket, group and cell or move: from the rollup where it knows the dimensions, from the journeys and transitions otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Table,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from service.core.tables import Instant
from service.stats.calendars import runs_between
from service.stats.definitions import LOOSE, grain_to_read
from service.stats.funnel import CellCount, MoveCount
from service.stats.question import JOURNEY_DIMENSIONS, Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, FilterShape, Shape
from service.stats.store.ledger import leads
from service.stats.store.rows import read_counted
from service.stats.tables import cohort_deltas, cohort_rollup, flow_deltas, flow_rollup

_ONLY: Final[ColumnElement[int]] = literal_column("1", Integer)
# Constants are part of the statement: PostgreSQL plans anew each time for what it thinks might be another value.
NOTHING: Final[ColumnElement[int]] = literal_column("0", Integer)
# Grains as constants, for which PostgreSQL sees what index has them.
_LOOSE: Final[ColumnElement[int]] = literal_column(str(LOOSE), Integer)
_MONTHS: Final[ColumnElement[int]] = literal_column("2", Integer)
_QUARTERS: Final[list[ColumnElement[int]]] = [literal_column("0", Integer), _LOOSE]


async def cohort_counts(
    connection: AsyncConnection, question: Question, bounds: Sequence[datetime], *, alone: bool = False
) -> list[CellCount]:
    """Return how many of the journeys that started between ascending bounds are in each bucket, group and cell, in one statement.

    ``alone`` as in `read_counted`.
    """
    counted = question.is_rolled_up(*bounds)
    statement = (_cohort_rolled if counted else _cohort_rows)(Shape.of(question), bucketed=len(bounds) > 2)
    given = sources.parameters(question) | intervals(question, bounds, rolled=counted)
    width = len(question.group_by)
    rows = (await read_counted(connection, statement, given, counted=counted, alone=alone)).all()
    return [CellCount(row[0], tuple(row[1 : 1 + width]), row[-2], row[-1]) for row in rows]


async def move_counts(
    connection: AsyncConnection,
    question: Question,
    bounds: Sequence[datetime],
    *,
    since: datetime,
    by_source: bool = True,
    alone: bool = False,
) -> list[MoveCount]:
    """Return how many moves between two stages fell into each bucket and group, in one statement.

    Bucket 0 holds those from ``since`` until the first bound. Not ``by_source``, all moves into a stage are one, from nowhere. ``alone`` as
    in `read_counted`.
    """
    edges = [since, *bounds] if since < bounds[0] else list(bounds)
    counted = question.is_rolled_up(*edges)
    statement = _moves_counted(Shape.of(question), rolled=counted, bucketed=len(edges) > 2, by_source=by_source)
    given = sources.parameters(question) | intervals(
        question, edges, rolled=counted, first=1 + len(bounds) - len(edges)
    )
    width = len(question.group_by)
    rows = (await read_counted(connection, statement, given, counted=counted, alone=alone)).all()
    if not by_source:
        return [MoveCount(row[0], tuple(row[1 : 1 + width]), None, *row[-3:]) for row in rows]
    return [MoveCount(row[0], tuple(row[1 : 1 + width]), *row[-4:]) for row in rows]


async def first_bucket(connection: AsyncConnection, question: Question) -> datetime | None:
    """Return the beginning: no journey started (cohort mode) and no lead moved before it; None while nothing did.

    Of what the question chooses, as far as the rollup knows it: a channel of this year has no buckets of last year.
    """
    if question.known_at is not None:
        # What was corrected since may have begun earlier than anything that holds today.
        move = sources.moves(known=True)
        counted = move.join(leads, leads.c.id == move.c.lead_id)
        first = select(func.min(move.c.occurred_at)).select_from(counted).where(~leads.c.test)
        known: datetime | None = (await connection.execute(first, {"known_at": question.known_at})).scalar_one()
        return known
    rollup, deltas = (cohort_rollup, cohort_deltas) if question.mode == "cohort" else (flow_rollup, flow_deltas)
    own = [chosen for chosen in question.conditions if chosen.dimension in JOURNEY_DIMENSIONS & set(rollup.c.keys())]
    shape = Shape((), tuple(map(FilterShape.of, own)), "journey", windowed=False, known=False)
    wanted = [chosen.values for chosen in own]
    of_rollup, of_deltas = (Dimensions(shape, rows, wanted=wanted).conditions for rows in (rollup, deltas))
    # What was appended may take away what is there until both are added up; a month that came to nothing is never kept.
    month = select(func.min(rollup.c.bucket)).where(rollup.c.grain == _MONTHS, *of_rollup).scalar_subquery()
    folded, untidy = (
        select(func.min(rollup.c.bucket))
        .where(rollup.c.grain == grain, rollup.c.bucket >= month, *of_rollup)
        .scalar_subquery()
        for grain in _QUARTERS
    )
    unfolded = select(func.min(deltas.c.bucket)).where(*of_deltas).scalar_subquery()
    return (await connection.execute(select(func.least(folded, untidy, unfolded)))).scalar_one_or_none()


def intervals(
    question: Question, bounds: Sequence[datetime], *, rolled: bool, first: int = 1, of_wins: bool = False
) -> dict[str, Any]:
    """Return the parameters that say which buckets are meant, numbered from ``first``; those of the rollup among them if it answers."""
    numbered = list(bounds[1 - first :])
    given: dict[str, Any] = {"low": bounds[0], "high": bounds[-1], "bounds": numbered}
    return given | (runs_of(question, bounds, first=first, of_wins=of_wins) if rolled else {})


def runs_of(
    question: Question, bounds: Sequence[datetime], *, first: int = 1, of_wins: bool = False, ever: bool = False
) -> dict[str, Any]:
    """Return the parameters that name the rollup's runs of all buckets between ascending bounds; ``ever`` as in `rolled`."""
    by_campaign = "campaign" in question.dimensions
    runs = runs_between(bounds, first=first)
    named = {
        "grains": [grain_to_read(run.grain, by_campaign=by_campaign, of_wins=of_wins) for run, _ in runs],
        "lows": [run.low for run, _ in runs],
        "highs": [run.high for run, _ in runs],
        "signs": [run.sign for run, _ in runs],
        "numbers": [number for _, number in runs],
    }
    return {f"ever_{name}": values for name, values in named.items()} if ever else named


def bucket_of(at: ColumnElement[Any], *, bucketed: bool) -> ColumnElement[int]:
    """Return the number of the bucket that an instant lies in; where there is only one there is nothing to look up."""
    number = func.width_bucket(at, bindparam("bounds", type_=ARRAY(Instant)), type_=Integer) if bucketed else _ONLY
    return number.label("bucket")


def counted_bucket(rows: FromClause, *, bucketed: bool) -> ColumnElement[int]:
    """Return the number of the bucket that rows of a rollup and its deltas (`rolled`) count in."""
    if not bucketed:
        return _ONLY.label("bucket")
    starts = func.width_bucket(rows.c.bucket, bindparam("bounds", type_=ARRAY(Instant)), type_=Integer)
    return func.coalesce(rows.c.number, starts).label("bucket")


def rolled(
    rollup: Table,
    deltas: Table,
    names: Sequence[str],
    sums: Sequence[str],
    *,
    ever: bool = False,
    told: tuple[ColumnElement[Any], ColumnElement[Any]] | None = None,
) -> FromClause:
    """Return the rollup's rows in the given runs, and beside them the deltas that are not folded yet.

    ``sums`` are negative in runs that are taken away; ``number`` is the bucket that a run counts in, if not the one that it starts in.
    What is ``told`` of a row of either comes as it is, in the column of that name, with the run's ``sign``.
    With ``ever`` all is meant that was before the upper bound: it has runs of its own, so that it can stand beside others in a statement.
    """
    of = "ever_" if ever else ""
    columns: dict[str, TypeEngine[Any] | type[TypeEngine[Any]]] = {
        "grain": SmallInteger,
        "low": Instant,
        "high": Instant,
        "sign": SmallInteger,
        "number": Integer,
    }
    # Asked for in this way, PostgreSQL does not look into the arrays when it plans, and keeps its plan: planning takes a fifth of the time.
    given = [select(bindparam(f"{of}{name}s", type_=ARRAY(kind))).scalar_subquery() for name, kind in columns.items()]
    run = (
        func.unnest(*given)
        .table_valued(*(column(name, kind) for name, kind in columns.items()), name="run")
        .render_derived()
    )
    # Named apart, each has its own index.
    tidy = and_(rollup.c.grain >= NOTHING, rollup.c.grain == run.c.grain)
    untidy = and_(rollup.c.grain < NOTHING, rollup.c.grain == _LOOSE - run.c.grain)
    signed = [(rollup.c[name] * run.c.sign).label(name) for name in sums]
    of_folded = [run.c.sign, told[0].label("told")] if told else []
    of_unfolded = [literal(1, SmallInteger).label("sign"), told[1].label("told")] if told else []
    columns_of_folded = [run.c.number, *(rollup.c[name] for name in names), *signed, *of_folded]
    folded = [
        select(*columns_of_folded).select_from(
            run.join(rollup, and_(which, rollup.c.bucket >= run.c.low, rollup.c.bucket < run.c.high))
        )
        for which in (tidy, untidy)
    ]
    unfolded = select(
        literal(None, Integer).label("number"), *(deltas.c[name] for name in (*names, *sums)), *of_unfolded
    ).where(sources.before(deltas.c.bucket) if ever else sources.in_bounds(deltas.c.bucket))
    return union_all(*folded, unfolded).subquery("rolled")


@lru_cache(maxsize=512)
def _cohort_rolled(shape: Shape, *, bucketed: bool) -> Select[Any]:
    rows = rolled(cohort_rollup, cohort_deltas, ("bucket", "channel", "campaign", "entry_stage", "cell"), ("count",))
    dimensions = Dimensions(shape, rows)
    bucket = counted_bucket(rows, bucketed=bucketed)
    journeys = total(rows.c["count"])
    return (
        select(bucket, *dimensions.keys, rows.c.cell, journeys)
        .where(*dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *dimensions.keys, rows.c.cell)
        .having(journeys != NOTHING)
    )


@lru_cache(maxsize=512)
def _cohort_rows(shape: Shape, *, bucketed: bool) -> Select[Any]:
    journey = sources.counted_journeys(windowed=shape.windowed, known=shape.known)
    dimensions = Dimensions(shape, journey)
    bucket = bucket_of(journey.c.started_at, bucketed=bucketed)
    return (
        select(bucket, *dimensions.keys, journey.c.cell, func.count())
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(*([bucket] if bucketed else []), *dimensions.keys, journey.c.cell)
    )


class Moves(NamedTuple):
    """Moves to be counted: how many each row stands for, in which bucket and group, and between which stages."""

    bucket: ColumnElement[int]
    keys: Sequence[ColumnElement[Any]]
    from_stage: ColumnElement[Any]
    to_stage: ColumnElement[Any]
    moved_in: ColumnElement[int]
    moved_out: ColumnElement[int]
    rows: FromClause
    conditions: Sequence[ColumnElement[bool]]

    def only(self, which: ColumnElement[bool]) -> Moves:
        """Return some of them."""
        return self._replace(conditions=[*self.conditions, which])

    def added(self, *by: ColumnElement[Any], sums: Sequence[ColumnElement[int]], bucketed: bool = True) -> Select[Any]:
        """Return the statement that adds them up by bucket, group and more; what comes to nothing is left out."""
        return (
            select(self.bucket, *self.keys, *by, *sums)
            .select_from(self.rows)
            .where(*self.conditions)
            .group_by(*([self.bucket] if bucketed else []), *self.keys, *by)
            .having(or_(*(each != NOTHING for each in sums)))
        )


def moves_of(shape: Shape, *, rolled: bool, bucketed: bool = True) -> Moves:
    """Return the moves of a question's shape, from the rollup or from the transitions."""
    return (_moves_rolled if rolled else _moves_read)(shape, bucketed=bucketed)


def total(counted: ColumnElement[int]) -> ColumnElement[int]:
    """Return the sum of counts."""
    return cast(func.sum(counted), BigInteger)


@lru_cache(maxsize=512)
def _moves_counted(shape: Shape, *, rolled: bool, bucketed: bool, by_source: bool) -> Select[Any]:
    moves = moves_of(shape, rolled=rolled, bucketed=bucketed)
    stages = [moves.from_stage, moves.to_stage] if by_source else [moves.to_stage]
    return moves.added(*stages, sums=(total(moves.moved_in), total(moves.moved_out)), bucketed=bucketed)


@lru_cache(maxsize=512)
def _moves_rolled(shape: Shape, *, bucketed: bool) -> Moves:
    names = ("bucket", "channel", "campaign", "from_stage", "to_stage")
    rows = rolled(flow_rollup, flow_deltas, names, ("moved_in", "moved_out"))
    dimensions = Dimensions(shape, rows)
    bucket = counted_bucket(rows, bucketed=bucketed)
    stages = (rows.c.from_stage, rows.c.to_stage)
    return Moves(bucket, dimensions.keys, *stages, rows.c.moved_in, rows.c.moved_out, rows, dimensions.conditions)


@lru_cache(maxsize=512)
def _moves_read(shape: Shape, *, bucketed: bool) -> Moves:
    move = sources.moves(known=shape.known)
    sided, side = sources.sides(move)
    journey = sources.counted_journeys(windowed=False, known=shape.known)
    dimensions = Dimensions(shape, journey)
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == side.c.number)
    return Moves(
        bucket_of(move.c.occurred_at, bucketed=bucketed),
        dimensions.keys,
        move.c.from_stage,
        move.c.to_stage,
        side.c.moved_in,
        side.c.moved_out,
        dimensions.joined(sided.join(journey, of_journey)),
        [sources.in_bounds(move.c.occurred_at), *dimensions.conditions],
    )
