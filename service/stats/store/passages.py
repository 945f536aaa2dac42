"""Moves between stages as journeys tell of them: for questions that no counter answers, in one pass over the journeys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.tables import Instant
from service.lifecycle.stages import Stage
from service.stats.definitions import BEGINNING, END
from service.stats.funnel import RUNGS, MoveCount
from service.stats.question import Key, Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.durations import MILESTONES
from service.stats.store.milestones import whole_journeys
from service.stats.store.rows import read_rows
from service.stats.store.stays import is_recycled, starts_next, went_back

_CAME_FROM: Final = {str(Stage.REACTIVATED): str(Stage.CHURNED), str(Stage.OPPORTUNITY): str(Stage.WON)}
"""What stage the lead left when a journey began with this one: the end of the journey before."""


class _Bounds(NamedTuple):
    """Which ends the interval has: what nobody named an end for needs not be compared with it."""

    low: bool
    high: bool


async def passages(connection: AsyncConnection, question: Question) -> list[MoveCount]:
    """Return how many moves between two stages there were before the question's interval (bucket 0) and in it (bucket 1), by group.

    Not for what was known at an instant: journeys are kept as they are now.
    """
    shape, width = Shape.of(question), len(question.group_by)
    ends = _Bounds(question.low != BEGINNING, question.high != END)
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    found: Counter[tuple[int, Key, str | None, str, bool]] = Counter()
    for row in (await read_rows(connection, _alike(shape, ends), given)).all():
        for bucket, source, target, is_out in _told(row[width], row[width + 1 : -1], ends):
            found[bucket, tuple(row[:width]), source, target, is_out] += row[-1]
    counts = [
        MoveCount(bucket, key, source, target, number, number if is_out else 0)
        for (bucket, key, source, target, is_out), number in found.items()
    ]
    rows = (await read_rows(connection, _untold(shape), given | {"low": BEGINNING, "since": question.low})).all()
    return counts + [MoveCount(row[0], tuple(row[1 : 1 + width]), *row[-4:]) for row in rows]


def _told(entry_stage: str, flags: Sequence[bool | None], ends: _Bounds) -> Iterator[tuple[int, str | None, str, bool]]:
    """Yield the moves of a journey up to the end of the interval: bucket, source, target, and whether it left the source as well."""
    stages = (entry_stage, *RUNGS[1:], str(Stage.CHURNED))
    each = 1 + sum(ends)
    source = _CAME_FROM.get(entry_stage)
    for place, stage in enumerate(stages):
        happened, *where = flags[place * each : (place + 1) * each]
        # A repurchase begins with a milestone, which is the same move.
        if not happened or (place and stage == entry_stage):
            continue
        if ends.high and where[-1]:
            return
        yield int(not (ends.low and where[0])), source, stage, place > 0
        source = stage


@lru_cache(maxsize=256)
def _alike(shape: Shape, ends: _Bounds) -> Select[Any]:
    """Return how many journeys made the same moves on the same side of the interval's ends.

    Each grouped by several plain yes and no, by which PostgreSQL knows that the groups are few: then several of its processes count.
    """
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    flags: list[ColumnElement[Any]] = []
    for name in MILESTONES:
        at = journey.c[name]
        flags.append(at.is_not(None).label(f"{name}_happened"))
        if ends.low:
            flags.append((at < bindparam("low", type_=Instant)).label(f"{name}_before"))
        if ends.high:
            flags.append((at >= bindparam("high", type_=Instant)).label(f"{name}_after"))
    by = [*dimensions.keys, journey.c.entry_stage, *flags]
    return (
        select(*by, func.count())
        .select_from(dimensions.joined(journey))
        .where(journey.c.started_at < bindparam("high", type_=Instant), ~is_recycled(journey), *dimensions.conditions)
        .group_by(*by)
    )


@lru_cache(maxsize=256)
def _untold(shape: Shape) -> Select[Any]:
    """Return the moves of journeys that went back a stage, and those by which a journey was left for the next one."""
    each = union_all(_moves(shape, next_journey=False), _moves(shape, next_journey=True)).subquery("each")
    by = [one for one in each.c if one.name not in {"moved_in", "moved_out"}]
    totals = (cast(func.sum(each.c[name]), BigInteger) for name in ("moved_in", "moved_out"))
    return select(*by, *totals).group_by(*by)


def _moves(shape: Shape, *, next_journey: bool) -> Select[Any]:
    move = sources.moves(known=False)
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    bucket = case((move.c.occurred_at < bindparam("since", type_=Instant), 0), else_=1).label("bucket")
    began = starts_next(move)
    left = literal(1) if next_journey else case((began | move.c.from_stage.is_(None), 0), else_=1)
    number = move.c.journey - 1 if next_journey else move.c.journey
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == number)
    return (
        select(
            bucket,
            *dimensions.keys,
            move.c.from_stage,
            move.c.to_stage,
            literal(int(not next_journey)).label("moved_in"),
            left.label("moved_out"),
        )
        .select_from(dimensions.joined(move.join(journey, of_journey)))
        .where(
            began if next_journey else went_back(move),
            sources.in_bounds(move.c.occurred_at),
            *dimensions.conditions,
        )
    )
