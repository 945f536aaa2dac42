"""The statements of `leads stats verify`: everything counted anew from the ledger, and held against what is kept. They return only faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Numeric,
    Select,
    SmallInteger,
    String,
    Table,
    Text,
    Values,
    and_,
    case,
    cast,
    column,
    exists,
    extract,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
    values,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.definitions import KEPT_GRAINS, LOOSE, OCTAD, STARTED, WIN_GRAINS, WON
from service.stats.store import sources
from service.stats.store.ledger import journeys, leads
from service.stats.store.levels import COUNT_BITS
from service.stats.tables import cohort_deltas, cohort_rollup, flow_deltas, flow_rollup, win_deltas, win_rollup

# More faults than this say nothing more.
MOST: Final = 100

_JOURNEY: Final = ("entry_stage", "channel", "campaign", "started_at", "cell")
_COHORT: Final = ("channel", "campaign", "entry_stage", "cell")
_FLOW: Final = ("channel", "campaign", "from_stage", "to_stage")

_grains = values(
    column("grain", SmallInteger),
    column("unit", Text),
    column("whole", Boolean),
    column("pooled", Boolean),
    name="grains",
)
_kept = _grains.data([(*kept, False) for kept in KEPT_GRAINS])
_kept_of_wins = _grains.data(list(WIN_GRAINS))
# PostgreSQL shifts by an integer only, which a parameter would not be.
_BITS: Final[ColumnElement[int]] = literal_column(str(COUNT_BITS), Integer)
_pooled = _grains.data([(grain, unit, whole, False) for grain, unit, whole, pooled in WIN_GRAINS if pooled])


async def wrong_journeys(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the journeys that are not what the ledger says: ``lead_id, number`` and each column as ``expected_…`` and ``found_…``."""
    rebuilt = sources.journeys_of_ledger(known=False)
    columns = {name: rebuilt.c[name] for name in _JOURNEY[:-1]} | {"cell": sources.cell_of(rebuilt)}
    expected = select(
        rebuilt.c.lead_id, rebuilt.c.number, *(held.label(name) for name, held in columns.items())
    ).subquery("expected")
    found = select(journeys).where(journeys.c.counted).subquery("found")
    same = and_(expected.c.lead_id == found.c.lead_id, expected.c.number == found.c.number)
    differs = or_(
        expected.c.lead_id.is_(None),
        found.c.lead_id.is_(None),
        *(expected.c[name].is_distinct_from(found.c[name]) for name in _JOURNEY),
    )
    statement = (
        select(
            func.coalesce(expected.c.lead_id, found.c.lead_id).label("lead_id"),
            func.coalesce(expected.c.number, found.c.number).label("number"),
            *(expected.c[name].label(f"expected_{name}") for name in _JOURNEY),
            *(found.c[name].label(f"found_{name}") for name in _JOURNEY),
        )
        .select_from(expected.join(found, same, full=True))
        .where(differs)
        .limit(MOST)
    )
    return await _rows(connection, statement)


async def wrong_cohorts(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the rollup's cohort cells that, deltas added, are not what the ledger says: the key, ``expected`` and ``found``."""
    rebuilt = sources.journeys_of_ledger(known=False)
    named = [rebuilt.c[name] for name in _COHORT[:-1]]
    cell = sources.cell_of(rebuilt).label("cell")
    bucket = _quarter(rebuilt.c.started_at)
    recounted = (
        select(bucket, *named, cell, func.count().label("count")).group_by(bucket, *named, cell).cte("recounted")
    )

    def counted(rows: FromClause) -> FromClause:
        return select(*rows.c, rows.c["count"].label("n")).subquery()

    return await _rows(connection, _differences(counted, recounted, (cohort_rollup, cohort_deltas), _COHORT))


async def wrong_flows(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the rollup's flows that, deltas added, are not what the ledger says: the key and ``direction``, ``expected``, ``found``."""
    move = sources.moves(known=False)
    sided, side = sources.sides(move)
    journey = sources.journeys_of_ledger(known=False)
    keys = [_quarter(move.c.occurred_at), journey.c.channel, journey.c.campaign, move.c.from_stage, move.c.to_stage]
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == side.c.number)
    moved = [_sum(side.c[name]).label(name) for name in ("moved_in", "moved_out")]
    recounted = select(*keys, *moved).select_from(sided.join(journey, of_journey)).group_by(*keys).cte("recounted")

    def counted(rows: FromClause) -> FromClause:
        entered = select(*rows.c, literal("in", String).label("direction"), rows.c.moved_in.label("n"))
        left = select(*rows.c, literal("out", String).label("direction"), rows.c.moved_out.label("n"))
        return union_all(entered, left.where(rows.c.from_stage.is_not(None))).subquery()

    names = (*_FLOW, "direction")
    return await _rows(connection, _differences(counted, recounted, (flow_rollup, flow_deltas), names))


async def wrong_wins(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the rollup's wins that, deltas added, are not what the ledger says: the key and what of it, ``expected``, ``found``."""
    journey = sources.journeys_of_ledger(known=False, whole=True)
    spent = extract("epoch", journey.c.won_at - journey.c.started_at)
    named = {
        **{name: journey.c[name] for name in ("channel", "campaign", "entry_stage")},
        "currency": case((journey.c.amount.is_not(None), journey.c.currency)),
        "days": cast(func.floor(spent / 86_400), Integer),
    }
    sums = [
        cast(func.count(), BigInteger).label("count"),
        func.sum(func.coalesce(journey.c.amount, 0)).label("amount"),
        func.sum(func.coalesce(journey.c.amount * journey.c.amount, 0)).label("squares"),
        cast(func.sum(func.floor(spent)), BigInteger).label("seconds"),
    ]
    along = [
        select(
            literal(axis, SmallInteger).label("axis"),
            _quarter(at),
            *(held.label(name) for name, held in named.items()),
            *sums,
        )
        .where(journey.c.won_at.is_not(None))
        .group_by(_quarter(at), *named.values())
        for axis, at in ((STARTED, journey.c.started_at), (WON, journey.c.won_at))
    ]
    recounted = union_all(*along).cte("recounted")

    def counted(rows: FromClause) -> FromClause:
        told = [
            select(*rows.c, literal(what, String).label("what"), cast(rows.c[what], Numeric).label("n"))
            for what in ("count", "amount", "squares", "seconds")
        ]
        return union_all(*told).subquery()

    names = ("axis", *named, "what")
    wrong = _differences(counted, recounted, (win_rollup, win_deltas), names, exact=Numeric, grains=_kept_of_wins)
    untimely = _differences(_times, recounted, (win_rollup, win_deltas), ("axis", *named), grains=_pooled)
    return [*await _rows(connection, wrong), *await _rows(connection, untimely)][:MOST]


def _times(rows: FromClause) -> FromClause:
    """Return how many wins took how many days: a row for each number of days that a row of the rollup tells of."""
    if rows is not win_rollup:
        return select(*rows.c, rows.c["count"].label("n")).subquery()
    spent = func.unnest(rows.c.times).table_valued(column("told", BigInteger), name="spent").render_derived()
    half = 1 << COUNT_BITS - 1
    days = (spent.c.told + half).op(">>")(_BITS)
    kept = [held for held in rows.c if held.name not in {"days", "times"}]
    wins = (spent.c.told - days.op("<<")(_BITS)).label("n")
    told = select(*kept, cast(days, Integer).label("days"), wins)
    return told.select_from(rows.join(spent, literal(True))).subquery()


async def wrong_standings(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the stages in which not as many leads stand as came into them and did not leave: ``stage, expected, found``."""
    flows = union_all(
        select(flow_rollup.c.from_stage, flow_rollup.c.to_stage, flow_rollup.c.moved_in, flow_rollup.c.moved_out).where(
            flow_rollup.c.grain.in_([0, LOOSE])
        ),
        select(flow_deltas.c.from_stage, flow_deltas.c.to_stage, flow_deltas.c.moved_in, flow_deltas.c.moved_out),
    ).subquery("flows")
    nothing = literal(0, BigInteger)
    net = union_all(
        select(flows.c.to_stage.label("stage"), nothing.label("expected"), flows.c.moved_in.label("found")),
        select(flows.c.from_stage, nothing, -flows.c.moved_out).where(flows.c.from_stage.is_not(None)),
        select(leads.c.stage, literal(1, BigInteger), nothing).where(
            ~leads.c.test,
            leads.c.merged_into.is_(None),
            # A lead that was withdrawn with its import stands nowhere; one that was erased stands where it stood.
            or_(leads.c.erased_at.is_(None), exists().where(journeys.c.lead_id == leads.c.id, journeys.c.counted)),
        ),
    ).subquery("net")
    expected, found = _sum(net.c.expected), _sum(net.c.found)
    statement = (
        select(net.c.stage, expected.label("expected"), found.label("found"))
        .group_by(net.c.stage)
        .having(expected != found)
    )
    return await _rows(connection, statement)


async def cohort_cells(connection: AsyncConnection) -> list[tuple[int, int]]:
    """Return how many journeys the rollup and its deltas have in each cell, over all time."""
    kept = union_all(
        select(cohort_rollup.c.cell, cohort_rollup.c["count"].label("n")).where(cohort_rollup.c.grain == 3),
        select(cohort_deltas.c.cell, cohort_deltas.c["count"]),
    ).subquery("kept")
    rows = await connection.execute(select(kept.c.cell, _sum(kept.c.n)).group_by(kept.c.cell))
    return [(row[0], row[1]) for row in rows]


def _differences(
    counted: Callable[[FromClause], FromClause],
    recounted: FromClause,
    kept: tuple[Table, Table],
    names: Sequence[str],
    exact: type[BigInteger | Numeric[Any]] = BigInteger,
    grains: Values = _kept,
) -> Select[Any]:
    """Return where the recount differs from rollup and deltas together, at any grain; ``counted`` gives each of them its column ``n``."""
    expected, rollup, deltas = counted(recounted), *map(counted, kept)

    def at_all_grains(rows: FromClause) -> list[ColumnElement[Any]]:
        named = {name: rows.c[name] for name in names}
        named["campaign"] = case((grains.c.whole, None), else_=rows.c.campaign).label("campaign")
        if "days" in named:
            named["days"] = case((grains.c.pooled, 0), else_=rows.c.days).label("days")
        return [grains.c.grain, _start_of(grains.c.unit, rows.c.bucket).label("bucket"), *named.values()]

    wanted = select(*at_all_grains(expected), expected.c.n.label("expected"), _none("found", exact)).select_from(
        expected.join(grains, literal(True))
    )
    grain = case((rollup.c.grain < 0, LOOSE - rollup.c.grain), else_=rollup.c.grain)
    folded = select(grain, rollup.c.bucket, *(rollup.c[name] for name in names), _none("expected", exact), rollup.c.n)
    unfolded = select(*at_all_grains(deltas), _none("expected", exact), deltas.c.n).select_from(
        deltas.join(grains, literal(True))
    )
    both = union_all(wanted, folded, unfolded).subquery("both")
    keys = [both.c.grain, both.c.bucket, *(both.c[name] for name in names)]
    total, found = cast(func.sum(both.c.expected), exact), cast(func.sum(both.c.found), exact)
    return (
        select(*keys, total.label("expected"), found.label("found")).group_by(*keys).having(total != found).limit(MOST)
    )


def _start_of(unit: ColumnElement[str], bucket: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return where the bucket of a unit begins that a quarter hour lies in."""
    month = func.date_trunc("month", bucket, "UTC")
    day = extract("day", func.timezone("UTC", bucket))
    hours = case(*((day > OCTAD * passed, 24 * OCTAD * passed) for passed in (3, 2, 1)), else_=0)
    return case(
        (unit.is_(None), bucket),
        (unit == "octad", month + func.make_interval(0, 0, 0, 0, hours)),
        else_=func.date_trunc(unit, bucket, "UTC"),
    )


def _quarter(at: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.date_bin(
        literal_column("INTERVAL '15 minutes'"), at, literal_column("TIMESTAMPTZ '2000-01-01 00:00:00+00'")
    ).label("bucket")


def _none(name: str, exact: type[BigInteger | Numeric[Any]] = BigInteger) -> ColumnElement[Any]:
    return literal(0, exact).label(name)


def _sum(counted: ColumnElement[int]) -> ColumnElement[int]:
    return cast(func.sum(counted), BigInteger)


async def _rows(connection: AsyncConnection, statement: Select[Any] | CompoundSelect[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in (await connection.execute(statement)).mappings()]
