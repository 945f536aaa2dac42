"""The rows that statistics count: journeys and moves, as they are or as they were known at an instant."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Interval,
    SmallInteger,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    not_,
    or_,
    select,
    values,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from service.core.tables import Instant
from service.lifecycle.machine import STARTS_JOURNEY, Event
from service.lifecycle.stages import Stage
from service.stats.definitions import FURTHEST_STEP, OPEN, OUTCOME_STEP, OUTCOMES
from service.stats.question import Question
from service.stats.store.ledger import journeys, leads, transitions

_STARTS: Final = sorted(str(event) for event in STARTS_JOURNEY)
# Made of seconds alone: to add days takes PostgreSQL eight times as long, for which it asks the calendar.
_WINDOW: Final = func.make_interval(0, 0, 0, 0, 0, 0, bindparam("window", type_=Double), type_=Interval)
_MILESTONES: Final = ("cleaned_at", "nurtured_at", "opportunity_at", "won_at")


def parameters(question: Question) -> dict[str, Any]:
    """Return the values for the parameters that these sources, and the filters on them, were built with."""
    given: dict[str, Any] = {
        f"filter_{number}": list(chosen.values) for number, chosen in enumerate(question.conditions) if chosen.values
    }
    if question.window is not None:
        given["window"] = question.window.total_seconds()
    if question.known_at is not None:
        given["known_at"] = question.known_at
    return given


def counted_journeys(*, windowed: bool, known: bool) -> Subquery:
    """Return the journeys that count, one row each: ``lead_id, number, entry_stage, channel, campaign, started_at, cell``, and as what
    the lead entered them, ``entered_as``; not if ``known``.

    ``windowed``: only milestones within the parameter ``window`` (seconds) of the start make the cell. ``known``: as the ledger was known at the
    parameter ``known_at``.
    """
    source: FromClause = journeys_of_ledger(known=True) if known else journeys
    deadline = source.c.started_at + _WINDOW if windowed else None
    statement = select(
        *(source.c[name] for name in ("lead_id", "number", "entry_stage", "channel", "campaign", "started_at")),
        *([] if known else [source.c.entered_as]),
        (source.c.cell if not windowed and not known else cell_of(source, deadline)).label("cell"),
    )
    return (statement if known else statement.where(source.c.counted)).subquery("journey")


def cell_of(source: FromClause, deadline: ColumnElement[Any] | None = None) -> ColumnElement[int]:
    """Return the cell of a row of journeys, from its milestones: the SQL twin of `service.stats.definitions.cell_of`."""

    def happened(name: str) -> ColumnElement[bool]:
        at = source.c[name]
        return at.is_not(None) if deadline is None else at <= deadline

    ranks = [
        (happened(name), literal(rank * FURTHEST_STEP)) for rank, name in reversed(list(enumerate(_MILESTONES, 1)))
    ]
    outcomes = {outcome: index * OUTCOME_STEP for index, outcome in enumerate(OUTCOMES) if outcome != OPEN}
    outcome = case((happened("churned_at"), case(outcomes, value=source.c.outcome, else_=0)), else_=0)
    entered = [case((happened(name), 1 << bit), else_=0) for bit, name in enumerate(_MILESTONES[:-1])]
    return cast(case(*ranks, else_=0) + outcome + entered[0] + entered[1] + entered[2], SmallInteger)


def journeys_of_ledger(*, known: bool, whole: bool = False) -> Subquery:
    """Return the journeys of all leads that count, rebuilt from their transitions: as they stand, or as known at ``known_at``.

    ``whole`` with where each stands, since when, and what it is worth.
    """
    move = moves(known=known)

    def first(stage: Stage) -> ColumnElement[Any]:
        return func.min(move.c.occurred_at).filter(move.c.to_stage == str(stage))

    def last(what: ColumnElement[Any]) -> ColumnElement[Any]:
        told = func.array_agg(aggregate_order_by(what, move.c.sequence.desc()))
        return (told if what is move.c.to_stage else told.filter(move.c.amount.is_not(None)))[1]

    standing = (
        [
            last(move.c.to_stage).label("stage"),
            func.max(move.c.occurred_at).label("stage_entered_at"),
            last(move.c.amount).label("amount"),
            last(move.c.currency).label("currency"),
        ]
        if whole
        else []
    )
    starts = move.c.event.in_(_STARTS)
    churned = move.c.to_stage == str(Stage.CHURNED)
    return (
        select(
            move.c.lead_id,
            move.c.journey.label("number"),
            func.max(move.c.to_stage).filter(starts).label("entry_stage"),
            func.max(move.c.channel).filter(starts).label("channel"),
            func.max(move.c.campaign).filter(starts).label("campaign"),
            func.min(move.c.occurred_at).filter(starts).label("started_at"),
            first(Stage.CLEANED).label("cleaned_at"),
            first(Stage.NURTURED).label("nurtured_at"),
            first(Stage.OPPORTUNITY).label("opportunity_at"),
            first(Stage.WON).label("won_at"),
            first(Stage.CHURNED).label("churned_at"),
            func.coalesce(func.max(func.coalesce(move.c.category, "lost")).filter(churned), OPEN).label("outcome"),
            *standing,
        )
        .join(leads, leads.c.id == move.c.lead_id)
        .where(not_(leads.c.test))
        .group_by(move.c.lead_id, move.c.journey)
        .subquery("rebuilt")
    )


def moves(*, known: bool) -> Subquery:
    """Return the transitions that hold: those not superseded, or those that were recorded and not superseded at ``known_at``."""
    if known:
        at = bindparam("known_at", type_=Instant)
        holds = and_(
            transitions.c.recorded_at <= at,
            or_(transitions.c.superseded_at.is_(None), transitions.c.superseded_at > at),
        )
    else:
        holds = transitions.c.superseded_at.is_(None)
    return select(transitions).where(holds).subquery("move")


def sides(move: FromClause) -> tuple[FromClause, FromClause]:
    """Return moves with their sides, and the sides: ``moved_in``, ``moved_out`` (0 or 1) and the ``number`` of the journey it happened in.

    A move comes into a stage and out of a stage in the same journey, but for one that starts the next journey: what it leaves, it leaves
    in the journey before. The first move of all leaves nothing.
    """
    starts_next = move.c.event.in_([str(Event.REACTIVATE), str(Event.REPURCHASE)])
    leaves_here = case((or_(starts_next, move.c.from_stage.is_(None)), 0), else_=1)
    side = (
        values(column("moved_in", Integer), column("moved_out", Integer), column("number", Integer), name="side")
        .data([(1, leaves_here, move.c.journey), (0, 1, move.c.journey - 1)])
        .lateral()
    )
    return move.join(side, or_(side.c.moved_in == 1, starts_next)), side


def in_bounds(at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether an instant lies between the parameters ``low`` and ``high``, half-open."""
    return and_(at >= bindparam("low", type_=Instant), before(at))


def before(at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether an instant lies before the parameter ``high``."""
    return at < bindparam("high", type_=Instant)
