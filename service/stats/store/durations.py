"""How long things took, as arrays: packed by PostgreSQL into one value a group, so that a million journeys are no million rows here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    extract,
    func,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.tables import Instant
from service.lifecycle.machine import Event
from service.lifecycle.stages import Stage
from service.stats.definitions import BEGINNING, END, Skips
from service.stats.estimators.survival import Floats, Spans
from service.stats.funnel import RUNGS
from service.stats.question import Key, Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.ledger import journeys
from service.stats.store.milestones import reached_at, whole_journeys
from service.stats.store.packing import (
    MICROSECONDS_A_DAY,
    NEVER,
    Instants,
    packed,
    packed_columns,
    since_origin,
    unpacked,
    unpacked_columns,
)
from service.stats.store.rows import read_rows
from service.stats.velocity import OPEN, OTHER, THERE, Pipeline

_STARTS_NEXT: Final = (str(Event.REACTIVATE), str(Event.REPURCHASE))
_MILESTONES: Final = ("started_at", *(f"{stage}_at" for stage in RUNGS[1:]), "churned_at")


def _given(question: Question) -> dict[str, Any]:
    return sources.parameters(question) | {"low": question.low, "high": question.high}


class Lifelines:
    """When the journeys of a group started, came to each stage of the funnel, and churned, seen at an instant."""

    def __init__(self, instants: Sequence[Instants], skips: Skips, *, now: datetime) -> None:
        self._now = since_origin(now)
        self._started, *reached, self._churned = instants
        if skips == "credit":
            # Whoever reached a later stage has reached this one.
            for number in reversed(range(len(reached) - 1)):
                reached[number] = np.minimum(reached[number], reached[number + 1])
        self._reached = dict(zip(RUNGS[1:], reached, strict=True))

    def __len__(self) -> int:
        """Return how many journeys there are."""
        return len(self._started)

    @property
    def ages(self) -> Floats:
        """Return how old the journeys are, in days."""
        return np.maximum(self._now - self._started, 0) / MICROSECONDS_A_DAY

    def times_to(self) -> dict[str, Callable[[], Spans]]:
        """Return, for each stage after the entry, what finds how long journeys took to it, were on the way, or left for good.

        These can be called side by side.
        """
        has_left = self._churned != NEVER
        # Whether a stage was reached goes along as a bit of its own, so that the ages of all are sorted once for all stages.
        bits = np.zeros(len(self), dtype=np.int64)
        for place, there in enumerate(self._reached.values()):
            bits |= (there != NEVER).astype(np.int64) << place
        ages = _sorted(self._took(self._now, ~has_left) << len(RUNGS) | bits[~has_left])
        left = _sorted(self._took(self._churned, has_left) << len(RUNGS) | bits[has_left])
        return {stage: partial(self._time_to, stage, 1 << place, ages, left) for place, stage in enumerate(RUNGS[1:])}

    def _time_to(self, stage: str, bit: int, ages: Instants, left: Instants) -> Spans:
        there = self._reached[stage]
        came = _sorted(self._took(there, there != NEVER))
        others = [some[(some & bit) == 0] >> len(RUNGS) for some in (ages, left)]
        return Spans((others[OPEN], came, others[OTHER - THERE]), MICROSECONDS_A_DAY)

    def _took(self, end: Instants | int, which: NDArray[np.bool_]) -> Instants:
        until = end if isinstance(end, int) else end[which]
        return np.maximum(until - self._started[which], 0)


def _sorted(spans: Instants) -> Instants:
    # Rows come nearly in the order in which journeys began: where that is so, a sort by merging has little to do.
    spans.sort(kind="stable")
    return spans


async def lifelines(connection: AsyncConnection, question: Question, *, now: datetime) -> dict[Key, Lifelines]:
    """Return the lifelines of the journeys of a question, by group."""
    rows = (await read_rows(connection, _lifelines(Shape.of(question)), _given(question))).all()
    width = len(question.group_by)
    return {tuple(row[:width]): Lifelines(unpacked_columns(row[width:]), question.skips, now=now) for row in rows}


@lru_cache(maxsize=256)
def _lifelines(shape: Shape) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    return (
        select(*dimensions.keys, *packed_columns(*(journey.c[name] for name in _MILESTONES)))
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(*dimensions.keys)
    )


async def stays(
    connection: AsyncConnection, question: Question, *, now: datetime
) -> dict[tuple[Key, str], Callable[[], Spans]]:
    """Return, by group and stage, what finds how long the stays in it were that ended, and how long those are that have not."""
    width = len(question.group_by)
    parts: dict[tuple[Key, str], list[Instants]] = {}
    # Statements of their own can each be worked on by several processes of PostgreSQL: together in one they could not.
    for statement in _stays(Shape.of(question), whole=not question.dimensions and _is_of_all_times(question)):
        for row in (await read_rows(connection, statement, _given(question))).all():
            parts.setdefault((tuple(row[:width]), row[width]), []).append(unpacked(row[width + 1], 2))
    return {where: partial(_stayed, some, now=now) for where, some in parts.items()}


def _is_of_all_times(question: Question) -> bool:
    return question.low == BEGINNING and question.high == END


def _stayed(parts: Sequence[Instants], *, now: datetime) -> Spans:
    entered, left = np.concatenate(parts).T
    last = left == NEVER
    lasting = np.maximum(since_origin(now) - entered[last], 0)
    ended = np.maximum(left[~last] - entered[~last], 0)
    return Spans((_sorted(lasting), _sorted(ended)), MICROSECONDS_A_DAY)


@lru_cache(maxsize=256)
def _stays(shape: Shape, *, whole: bool) -> tuple[Select[Any], ...]:
    """Return the stays that ended within a journey, those that the next journey ended, and those that last, each packed by group and stage.

    ``whole`` is for a question of all journeys there are: of which one a stay was a part does not matter then, only that it counts.
    """
    own_and_next = (_ended(shape, next_journey=next_journey) for next_journey in (False, True))
    ended = [_ended_of_all()] if whole and not shape.known else own_and_next
    return tuple(_packed_by_stage(some) for some in (*ended, _lasting(shape)))


def _packed_by_stage(stays: Select[Any]) -> Select[Any]:
    stay = stays.subquery("stay")
    by = [one for one in stay.c if one.name not in {"entered", "left"}]
    return select(*by, packed(stay.c.entered, stay.c.left)).group_by(*by)


def _ended_of_all() -> Select[Any]:
    move = sources.moves(known=False)
    uncounted = select(journeys.c.lead_id).where(~journeys.c.counted)
    return select(
        move.c.from_stage.label("stage"), move.c.previous_at.label("entered"), move.c.occurred_at.label("left")
    ).where(move.c.from_stage.is_not(None), move.c.lead_id.not_in(uncounted))


def _ended(shape: Shape, *, next_journey: bool, listed: bool = False) -> Select[Any]:
    """Return the stays that a transition ended, in the journey that they were a part of: its own, or the one before the one it started."""
    move = sources.moves(known=shape.known)
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    shown: list[ColumnElement[Any]] = (
        [move.c.occurred_at.label("at"), move.c.lead_id, move.c.sequence.label("n")]
        if listed
        else [
            *dimensions.keys,
            move.c.from_stage.label("stage"),
            move.c.previous_at.label("entered"),
            move.c.occurred_at.label("left"),
        ]
    )
    if next_journey:
        number, which = move.c.journey - 1, move.c.event.in_(_STARTS_NEXT)
    else:
        number, which = move.c.journey, move.c.event.not_in(_STARTS_NEXT)
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == number)
    stage = move.c.from_stage == bindparam("stage", type_=Text) if listed else move.c.from_stage.is_not(None)
    return (
        select(*shown)
        .select_from(dimensions.joined(move.join(journey, of_journey)))
        .where(stage, which, sources.in_bounds(journey.c.started_at), *dimensions.conditions)
    )


def _lasting(shape: Shape, *, listed: bool = False) -> Select[Any]:
    """Return the stays that last: of the last stage of each journey, unless the next journey began from there."""
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    following = (sources.journeys_of_ledger(known=True) if shape.known else journeys).alias("following")
    # Where a journey is followed by another, that one began with the move that left its last stage. Few are.
    followed = select(following.c.lead_id, following.c.number - 1).where(following.c.number > 1)
    shown: list[ColumnElement[Any]] = (
        [journey.c.started_at.label("at"), journey.c.lead_id, journey.c.number.label("n")]
        if listed
        else [
            *dimensions.keys,
            journey.c.stage.label("stage"),
            journey.c.stage_entered_at.label("entered"),
            null().cast(Instant).label("left"),
        ]
    )
    return (
        select(*shown)
        .select_from(dimensions.joined(journey))
        .where(
            sources.in_bounds(journey.c.started_at),
            tuple_(journey.c.lead_id, journey.c.number).not_in(followed),
            *([journey.c.stage == bindparam("stage", type_=Text)] if listed else []),
            *dimensions.conditions,
        )
    )


async def pipelines(connection: AsyncConnection, question: Question) -> dict[Key, list[Pipeline]]:
    """Return, by group, what its opportunities and wins are worth in each currency; the currency is None for what has no amount."""
    rows = (await read_rows(connection, _pipelines(Shape.of(question)), _given(question))).all()
    width = len(question.group_by)
    found: dict[Key, list[Pipeline]] = {}
    for row in rows:
        found.setdefault(tuple(row[:width]), []).append(Pipeline(*row[width:]))
    return found


@lru_cache(maxsize=256)
def _pipelines(shape: Shape) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    won = journey.c.won_at.is_not(None)
    days = extract("epoch", journey.c.won_at - journey.c.started_at) / 86_400
    return (
        select(
            *dimensions.keys,
            journey.c.currency,
            func.count().filter(journey.c.stage == str(Stage.OPPORTUNITY)),
            func.count().filter(won),
            func.count().filter(or_(won, journey.c.churned_at.is_not(None))),
            func.sum(journey.c.amount).filter(won),
            func.sum(days).filter(won),
        )
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(*dimensions.keys, journey.c.currency)
    )


@lru_cache(maxsize=256)
def journeys_by_end(shape: Shape, stage: str, skips: Skips, part: str) -> Select[Any]:
    """Return the journeys that reached a stage (``there``), churned before (``other``) or are on the way (``open``): ``at, lead_id, n``."""
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    there = reached_at(journey, stage, skips)
    wanted = {
        "there": there.is_not(None),
        "other": and_(there.is_(None), journey.c.churned_at.is_not(None)),
        "open": and_(there.is_(None), journey.c.churned_at.is_(None)),
    }[part]
    return (
        select(journey.c.started_at.label("at"), journey.c.lead_id, journey.c.number.label("n"))
        .select_from(dimensions.joined(journey))
        .where(wanted, sources.in_bounds(journey.c.started_at), *dimensions.conditions)
    )


@lru_cache(maxsize=256)
def stays_behind(shape: Shape, *, ended: bool) -> Select[Any]:
    """Return the stays in the parameter ``stage`` that ended, by the move that ended them, or that last, by their journey: ``at, lead_id, n``."""
    if not ended:
        return _lasting(shape, listed=True)
    both = union_all(*(_ended(shape, next_journey=next_journey, listed=True) for next_journey in (False, True)))
    return select(both.subquery("stay"))
