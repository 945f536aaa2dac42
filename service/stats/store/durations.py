"""How long things took, as arrays: packed by PostgreSQL into one value a group, so that a million journeys are no million rows here."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.tables import Instant
from service.lifecycle.machine import Event
from service.lifecycle.stages import Stage
from service.stats.definitions import Skips
from service.stats.estimators.survival import Floats
from service.stats.funnel import RUNGS
from service.stats.question import Key, Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.ledger import journeys
from service.stats.store.milestones import reached_at, whole_journeys
from service.stats.store.rows import read_rows
from service.stats.velocity import OPEN, OTHER, THERE, Durations, Pipeline

_NO_BYTES: Final = literal_column("''::bytea", LargeBinary)
_LASTING: Final = (str(Stage.WON), str(Stage.CHURNED))
_STARTS_NEXT: Final = (str(Event.REACTIVATE), str(Event.REPURCHASE))


def _packed(spent: ColumnElement[Any], cause: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Return the spans of a group as one value: eight bytes each, microseconds times four plus the cause."""
    microseconds = cast(func.greatest(extract("epoch", spent), 0) * 1_000_000, BigInteger)
    return func.string_agg(func.int8send(microseconds * 4 + cause), _NO_BYTES)


def _unpacked(packed: bytes | None) -> Durations:
    numbers = np.frombuffer(packed or b"", dtype=">i8")
    return Durations((numbers >> 2).astype(np.float64) / 86_400e6, (numbers & 3).astype(np.int64))


def _given(question: Question, now: datetime) -> dict[str, Any]:
    return sources.parameters(question) | {"low": question.low, "high": question.high, "now": now}


async def ages(connection: AsyncConnection, question: Question, *, now: datetime) -> dict[Key, Floats]:
    """Return, by group, how old journeys are, in days."""
    rows = (await read_rows(connection, _ages(Shape.of(question)), _given(question, now))).all()
    width = len(question.group_by)
    return {tuple(row[:width]): _unpacked(row[width]).days for row in rows}


@lru_cache(maxsize=256)
def _ages(shape: Shape) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    age = bindparam("now", type_=Instant) - journey.c.started_at
    return (
        select(*dimensions.keys, _packed(age, literal(OPEN, Integer)))
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(*dimensions.keys)
    )


async def times_to(
    connection: AsyncConnection, question: Question, *, now: datetime
) -> dict[Key, dict[str, Durations]]:
    """Return, by group and funnel stage after the entry, how long journeys took to it, were on the way, or left for good, in days."""
    rows = (await read_rows(connection, _times_to(Shape.of(question), question.skips), _given(question, now))).all()
    width = len(question.group_by)
    return {
        tuple(row[:width]): {stage: _unpacked(packed) for stage, packed in zip(RUNGS[1:], row[width:], strict=True)}
        for row in rows
    }


@lru_cache(maxsize=256)
def _times_to(shape: Shape, skips: Skips) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    until = bindparam("now", type_=Instant)
    packs = []
    for stage in RUNGS[1:]:
        there = reached_at(journey, stage, skips)
        cause = case((there.is_not(None), THERE), (journey.c.churned_at.is_not(None), OTHER), else_=OPEN)
        packs.append(_packed(func.coalesce(there, journey.c.churned_at, until) - journey.c.started_at, cause))
    return (
        select(*dimensions.keys, *packs)
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(*dimensions.keys)
    )


async def stays(connection: AsyncConnection, question: Question, *, now: datetime) -> dict[tuple[Key, str], Durations]:
    """Return, by group and stage, how long the stays in it were that ended, and how long those are that have not, in days."""
    rows = (await read_rows(connection, _stays(Shape.of(question)), _given(question, now))).all()
    width = len(question.group_by)
    return {(tuple(row[:width]), row[width]): _unpacked(row[width + 1]) for row in rows}


@lru_cache(maxsize=256)
def _stays(shape: Shape) -> Select[Any]:
    ended, lasting = _ended(shape), _lasting(shape)
    width = len(shape.group_by)
    every = union_all(ended, lasting).subquery("stay")
    by = [every.c[f"key_{index}"] for index in range(width)] + [every.c.stage]
    return select(*by, _packed(every.c.spent, every.c.cause)).group_by(*by)


def _ended(shape: Shape, *, listed: bool = False) -> Select[Any]:
    """Return the stays that a transition ended, in the journey that they were a part of."""
    move = sources.moves(known=shape.known)
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    number = case((move.c.event.in_(_STARTS_NEXT), move.c.journey - 1), else_=move.c.journey)
    shown: list[ColumnElement[Any]] = (
        [move.c.occurred_at.label("at"), move.c.lead_id, move.c.sequence.label("n")]
        if listed
        else [
            *dimensions.keys,
            move.c.from_stage.label("stage"),
            (move.c.occurred_at - move.c.previous_at).label("spent"),
            literal(THERE, Integer).label("cause"),
        ]
    )
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == number)
    stage = move.c.from_stage == bindparam("stage", type_=Text) if listed else move.c.from_stage.is_not(None)
    return (
        select(*shown)
        .select_from(dimensions.joined(move.join(journey, of_journey)))
        .where(stage, sources.in_bounds(journey.c.started_at), *dimensions.conditions)
    )


def _lasting(shape: Shape, *, listed: bool = False) -> Select[Any]:
    """Return the stays that last: of the last stage of each journey, unless the next journey began from there."""
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    following = (sources.journeys_of_ledger(known=True) if shape.known else journeys).alias("following")
    # Only a won or a churned journey can be followed by another, and few are.
    left = exists().where(
        following.c.number > 1,
        following.c.lead_id == journey.c.lead_id,
        following.c.number == journey.c.number + 1,
    )
    shown: list[ColumnElement[Any]] = (
        [journey.c.started_at.label("at"), journey.c.lead_id, journey.c.number.label("n")]
        if listed
        else [
            *dimensions.keys,
            journey.c.stage.label("stage"),
            (bindparam("now", type_=Instant) - journey.c.stage_entered_at).label("spent"),
            literal(OPEN, Integer).label("cause"),
        ]
    )
    return (
        select(*shown)
        .select_from(dimensions.joined(journey))
        .where(
            sources.in_bounds(journey.c.started_at),
            or_(~journey.c.stage.in_(_LASTING), ~left),
            *([journey.c.stage == bindparam("stage", type_=Text)] if listed else []),
            *dimensions.conditions,
        )
    )


async def pipelines(connection: AsyncConnection, question: Question) -> dict[Key, list[Pipeline]]:
    """Return, by group, what its opportunities and wins are worth in each currency; the currency is None for what has no amount."""
    rows = (await read_rows(connection, _pipelines(Shape.of(question)), _given(question, question.high))).all()
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
    return _ended(shape, listed=True) if ended else _lasting(shape, listed=True)
