"""The leads behind a figure: the same rows, filters and cells that counted it, listed instead of counted."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, SmallInteger, Text, and_, any_, bindparam, exists, or_, select

from service.core.tables import Instant
from service.lifecycle.stages import Stage
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape


@lru_cache(maxsize=512)
def journeys_behind(shape: Shape) -> Select[Any]:
    """Return the journeys that started between ``low`` and ``high`` and whose cell is one of ``cells``: ``at, lead_id, n``."""
    journey = sources.counted_journeys(windowed=shape.windowed, known=shape.known)
    dimensions = Dimensions(shape, journey)
    return (
        select(journey.c.started_at.label("at"), journey.c.lead_id, journey.c.number.label("n"))
        .select_from(dimensions.joined(journey))
        .where(
            sources.in_bounds(journey.c.started_at),
            journey.c.cell == any_(bindparam("cells", type_=ARRAY(SmallInteger))),
            *dimensions.conditions,
        )
    )


@lru_cache(maxsize=512)
def moves_behind(shape: Shape, *, out: bool, towards: bool) -> Select[Any]:
    """Return the moves between ``low`` and ``high`` into ``stage`` (or ``out`` of it, ``towards`` one of ``onward``): ``at, lead_id, n``."""
    move = sources.moves(known=shape.known)
    sided, side = sources.sides(move)
    journey = sources.counted_journeys(windowed=False, known=shape.known)
    dimensions = Dimensions(shape, journey)
    stage = bindparam("stage", type_=Text)
    wanted: list[ColumnElement[bool]] = (
        [side.c.moved_out == 1, move.c.from_stage == stage] if out else [side.c.moved_in == 1, move.c.to_stage == stage]
    )
    if towards:
        wanted.append(move.c.to_stage == any_(bindparam("onward", type_=ARRAY(Text))))
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == side.c.number)
    return (
        select(move.c.occurred_at.label("at"), move.c.lead_id, move.c.sequence.label("n"))
        .select_from(dimensions.joined(sided.join(journey, of_journey)))
        .where(sources.in_bounds(move.c.occurred_at), *wanted, *dimensions.conditions)
    )


@lru_cache(maxsize=512)
def decisions_behind(shape: Shape) -> Select[Any]:
    """Return the moves between ``low`` and ``high`` into won, and into churned but for those of customers: ``at, lead_id, n``."""
    move = sources.moves(known=shape.known)
    journey = sources.counted_journeys(windowed=False, known=shape.known)
    dimensions = Dimensions(shape, journey)
    won, churned = str(Stage.WON), str(Stage.CHURNED)
    lost = and_(move.c.to_stage == churned, move.c.from_stage.is_distinct_from(won))
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == move.c.journey)
    return (
        select(move.c.occurred_at.label("at"), move.c.lead_id, move.c.sequence.label("n"))
        .select_from(dimensions.joined(move.join(journey, of_journey)))
        .where(sources.in_bounds(move.c.occurred_at), or_(move.c.to_stage == won, lost), *dimensions.conditions)
    )


@lru_cache(maxsize=512)
def standing_behind(shape: Shape, *, anywhere: bool = False) -> Select[Any]:
    """Return the moves that brought leads into ``stage`` (or ``anywhere``), where they stood at the instant ``standing_at``: ``at, lead_id, n``."""
    move, following = sources.moves(known=shape.known), sources.moves(known=shape.known).alias("following")
    journey = sources.counted_journeys(windowed=False, known=shape.known)
    dimensions = Dimensions(shape, journey)
    at = bindparam("standing_at", type_=Instant)
    left = exists().where(
        following.c.lead_id == move.c.lead_id,
        following.c.sequence == move.c.sequence + 1,
        following.c.occurred_at < at,
    )
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == move.c.journey)
    return (
        select(move.c.occurred_at.label("at"), move.c.lead_id, move.c.sequence.label("n"))
        .select_from(dimensions.joined(move.join(journey, of_journey)))
        .where(
            *([] if anywhere else [move.c.to_stage == bindparam("stage", type_=Text)]),
            move.c.occurred_at < at,
            ~left,
            *dimensions.conditions,
        )
    )
