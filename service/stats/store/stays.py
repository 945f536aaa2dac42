"""Stays: from when leads entered a stage until they left it, out of the ledger."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
)

from service.core.tables import Instant
from service.lifecycle.machine import Event
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.ledger import transitions
from service.stats.store.milestones import whole_journeys
from service.stats.store.packing import packed

_STARTS_NEXT: Final = (str(Event.REACTIVATE), str(Event.REPURCHASE))


def _turns(number: ColumnElement[Any], *events: Event) -> Select[Any]:
    """Return the journeys that had one of these events: the few of them are found without reading the ledger.

    The events are written out, for PostgreSQL has to see that its index of such moves has them all.
    """
    named = or_(*(transitions.c.event == literal_column(f"'{event}'", Text) for event in events))
    return select(transitions.c.lead_id, number).where(transitions.c.superseded_at.is_(None), named)


def is_recycled(journey: FromClause) -> ColumnElement[bool]:
    """Return whether a journey went back a stage, so that its milestones do not tell of all its stays."""
    return tuple_(journey.c.lead_id, journey.c.number).in_(_turns(transitions.c.journey, Event.RECYCLE))


def is_followed(journey: FromClause, *, known: bool = False) -> ColumnElement[bool]:
    """Return whether the lead's next journey began, with the move that left this one's last stage. Few are followed."""
    if known:
        following = sources.journeys_of_ledger(known=True).alias("following")
        turns = select(following.c.lead_id, following.c.number - 1).where(following.c.number > 1)
    else:
        turns = _turns(transitions.c.journey - 1, Event.REACTIVATE, Event.REPURCHASE)
    return tuple_(journey.c.lead_id, journey.c.number).in_(turns)


def went_back(move: FromClause) -> ColumnElement[bool]:
    """Return whether a move is one of a journey that went back a stage."""
    return tuple_(move.c.lead_id, move.c.journey).in_(_turns(transitions.c.journey, Event.RECYCLE))


def starts_next(move: FromClause) -> ColumnElement[bool]:
    """Return whether a move left one journey and began the next."""
    return or_(*(move.c.event == literal_column(f"'{event}'", Text) for event in _STARTS_NEXT))


@lru_cache(maxsize=256)
def stays_of_ledger(shape: Shape, *, recycled: bool) -> tuple[Select[Any], ...]:
    """Return the stays that ended within a journey, those that the next journey ended, and those that last, each packed by group and stage.

    ``recycled``: only what journeys that never went back do not tell themselves. Statements of their own can each be worked on by several
    processes of PostgreSQL; together in one they could not, and the few need not.
    """
    ended = [_ended(shape, next_journey=next_journey, recycled=recycled) for next_journey in (False, True)]
    every = (*ended, _lasting(shape, recycled=recycled))
    return (_packed_by_stage(union_all(*every)),) if recycled else tuple(map(_packed_by_stage, every))


def _packed_by_stage(stays: Any) -> Select[Any]:
    stay = stays.subquery("stay")
    by = [one for one in stay.c if one.name not in {"entered", "left"}]
    return select(*by, packed(stay.c.entered, stay.c.left)).group_by(*by)


def _ended(shape: Shape, *, next_journey: bool, listed: bool = False, recycled: bool = False) -> Select[Any]:
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
        number, which = move.c.journey - 1, starts_next(move)
    else:
        number, which = move.c.journey, move.c.event.not_in(_STARTS_NEXT)
    of_journey = and_(journey.c.lead_id == move.c.lead_id, journey.c.number == number)
    stage = move.c.from_stage == bindparam("stage", type_=Text) if listed else move.c.from_stage.is_not(None)
    return (
        select(*shown)
        .select_from(dimensions.joined(move.join(journey, of_journey)))
        .where(
            stage,
            which,
            *([went_back(move)] if recycled and not next_journey else []),
            sources.in_bounds(journey.c.started_at),
            *dimensions.conditions,
        )
    )


def _lasting(shape: Shape, *, listed: bool = False, recycled: bool = False) -> Select[Any]:
    """Return the stays that last: of the last stage of each journey, unless the next journey began from there."""
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
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
            ~is_followed(journey, known=shape.known),
            *([journey.c.stage == bindparam("stage", type_=Text)] if listed else []),
            *([is_recycled(journey)] if recycled else []),
            *dimensions.conditions,
        )
    )


@lru_cache(maxsize=256)
def stays_behind(shape: Shape, *, ended: bool) -> Select[Any]:
    """Return the stays in the parameter ``stage`` that ended, by the move that ended them, or that last, by their journey: ``at, lead_id, n``."""
    if not ended:
        return _lasting(shape, listed=True)
    both = union_all(*(_ended(shape, next_journey=next_journey, listed=True) for next_journey in (False, True)))
    return select(both.subquery("stay"))
