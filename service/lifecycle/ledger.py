"""The rules of the ledger: how one transition changes a life, and how a whole ledger is replayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from service.lifecycle.errors import (
    LedgerInvalid,
    LifecycleError,
    OccurredInFuture,
    OccurredOutOfOrder,
    TransitionRefused,
)
from service.lifecycle.machine import MOVES, STARTS_JOURNEY, Event, Move, events_from
from service.lifecycle.stages import FUNNEL, Stage, funnel_rank, is_in_funnel

AHEAD: Final = timedelta(minutes=5)
"""How far ahead of the clock a transition may claim to have happened."""

OPEN: Final = "open"
_RUNGS: Final = tuple(stage.value for stage in FUNNEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A transition somebody asks for. ``category`` is the reason's; ``channel`` and ``campaign`` matter where it starts a journey."""

    event: Event
    occurred_at: datetime | None = None
    reason: str | None = None
    category: str | None = None
    note: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    allow_skip: bool = False
    channel: str | None = None
    campaign: str | None = None


@dataclass(slots=True, kw_only=True)
class Journey:
    """One pass through the funnel, and when it first entered each rung.

    ``outcome`` is ``open`` until a churn gives it the category of its reason; a won journey that did not churn stays open.
    """

    number: int
    entry_stage: str
    channel: str | None
    campaign: str | None
    started_at: datetime
    stage: str
    stage_entered_at: datetime
    furthest_stage: str
    outcome: str = OPEN
    cleaned_at: datetime | None = None
    nurtured_at: datetime | None = None
    opportunity_at: datetime | None = None
    won_at: datetime | None = None
    churned_at: datetime | None = None
    reason: str | None = None
    amount: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One event that happened to one lead, as the ledger keeps it."""

    sequence: int
    journey: int
    event: Event
    from_stage: str | None
    to_stage: str
    skipped: tuple[str, ...]
    occurred_at: datetime
    # When the stage it leaves was entered: with it, a transition tells of a whole stay.
    previous_at: datetime | None
    step: Step


@dataclass(slots=True, kw_only=True)
class Life:
    """All that the next transition depends on; ``stage`` is None before the lead was acquired."""

    stage: str | None = None
    furthest_stage: str | None = None
    stage_entered_at: datetime | None = None
    sequence: int = 0
    journey: Journey | None = None
    has_identity: bool = True
    verdict: str = "valid"
    erased: bool = False

    def copy(self) -> Life:
        """Return a copy that can be moved without moving this one."""
        return replace(self, journey=replace(self.journey) if self.journey else None)


@dataclass(frozen=True, slots=True)
class _Attempt:
    has_identity: bool
    verdict: str
    erased: bool
    reason: str | None


def allowed(life: Life) -> list[dict[str, Any]]:
    """Return every event that is legal now: ``event, to, needs, missing`` and ``requires_skip`` where only a skip gets there.

    ``missing`` holds the needs that the lead itself does not meet; a need the caller meets with the request (``reason``) is not among them.
    """
    attempt = _Attempt(life.has_identity, life.verdict, life.erased, reason="given with the request")
    return [
        {
            "event": str(move.event),
            "to": str(move.target),
            "requires_skip": move.is_skip,
            "needs": [need.name for need in move.needs],
            "missing": [need.name for need in move.needs if not need.met(attempt)],
        }
        for move in events_from(Stage(life.stage) if life.stage else None)
    ]


def advance(life: Life, step: Step, *, now: datetime) -> Transition:
    """Move a life by one step and return the transition; raises a `LifecycleError` and changes nothing if the step is not legal."""
    move = _legal_move(life, step)
    occurred_at = _legal_time(life, step, now)
    transition = Transition(
        sequence=life.sequence + 1,
        journey=(life.journey.number if life.journey else 0) + (step.event in STARTS_JOURNEY),
        event=move.event,
        from_stage=life.stage,
        to_stage=str(move.target),
        skipped=_passed_over(life.stage, move),
        occurred_at=occurred_at,
        previous_at=life.stage_entered_at,
        step=step,
    )
    _project(life, transition)
    return transition


def _legal_move(life: Life, step: Step) -> Move:
    # A stage's name and the stage are the same key.
    stage: Any = life.stage
    move = MOVES.get((stage, step.event))
    if move is None or (move.is_skip and not step.allow_skip):
        standing = f"the lead is {stage}" if stage else "the lead does not exist yet"
        hint = ", unless allow_skip is true" if move else ""
        raise TransitionRefused(
            f"{step.event} is not possible while {standing}{hint}", event=str(step.event), stage=stage, **_options(life)
        )
    if not move.needs:
        return move
    attempt = _Attempt(life.has_identity, life.verdict, life.erased, step.reason)
    missing = [need for need in move.needs if not need.met(attempt)]
    if missing:
        raise TransitionRefused(
            f"{step.event} needs {' and '.join(need.detail for need in missing)}",
            event=str(step.event),
            stage=stage,
            missing=[{"need": need.name, "detail": need.detail} for need in missing],
            **_options(life),
        )
    return move


def _options(life: Life) -> dict[str, Any]:
    options = allowed(life)
    return {
        "allowed": [option["event"] for option in options if not option["requires_skip"]],
        "allowed_with_skip": [option["event"] for option in options if option["requires_skip"]],
    }


def _legal_time(life: Life, step: Step, now: datetime) -> datetime:
    last = life.stage_entered_at
    if step.occurred_at is None:
        # A transition recorded with a time slightly ahead of the clock must not block the next one.
        return max(now, last) if last else now
    refuse_future(step.occurred_at, now)
    if last and step.occurred_at < last:
        raise OccurredOutOfOrder(
            f"{step.event} at {step.occurred_at.isoformat()} would come before the lead's last transition at {last.isoformat()}; "
            "late news is told with a correction",
            last_occurred_at=last,
            errors=[
                {
                    "pointer": "/occurred_at",
                    "detail": f"is before {last.isoformat()}, when the last transition occurred",
                }
            ],
        )
    return step.occurred_at


def refuse_future(occurred_at: datetime, now: datetime) -> None:
    """Raise `OccurredInFuture` for a time more than five minutes ahead of now."""
    if occurred_at > now + AHEAD:
        raise OccurredInFuture(
            f"occurred_at {occurred_at.isoformat()} is more than five minutes ahead of now",
            errors=[{"pointer": "/occurred_at", "detail": "lies in the future"}],
        )


def _passed_over(source: str | None, move: Move) -> tuple[str, ...]:
    if source is None or not is_in_funnel(source) or not is_in_funnel(move.target):
        return ()
    return tuple(str(stage) for stage in FUNNEL[funnel_rank(source) + 1 : funnel_rank(move.target)])


def _project(life: Life, transition: Transition) -> None:
    stage, step = transition.to_stage, transition.step
    if step.event in STARTS_JOURNEY:
        life.journey = Journey(
            number=transition.journey,
            entry_stage=stage,
            channel=step.channel,
            campaign=step.campaign,
            started_at=transition.occurred_at,
            stage=stage,
            stage_entered_at=transition.occurred_at,
            furthest_stage=_RUNGS[funnel_rank(stage)],
        )
    life.stage, life.stage_entered_at, life.sequence = stage, transition.occurred_at, transition.sequence
    if is_in_funnel(stage):
        rung = _RUNGS[funnel_rank(stage)]
        life.furthest_stage = rung if life.furthest_stage is None else _further(life.furthest_stage, rung)
    assert life.journey is not None
    _project_journey(life.journey, transition)


def _further(one: str, other: str) -> str:
    return other if funnel_rank(other) > funnel_rank(one) else one


def _project_journey(journey: Journey, transition: Transition) -> None:
    stage, step = transition.to_stage, transition.step
    journey.stage, journey.stage_entered_at = stage, transition.occurred_at
    if stage == Stage.CHURNED:
        journey.churned_at, journey.reason, journey.outcome = (
            transition.occurred_at,
            step.reason,
            step.category or "lost",
        )
    else:
        journey.furthest_stage = _further(journey.furthest_stage, _RUNGS[funnel_rank(stage)])
        milestone = f"{stage}_at"
        if funnel_rank(stage) > 0 and getattr(journey, milestone) is None:
            setattr(journey, milestone, transition.occurred_at)
    if step.amount is not None:
        journey.amount, journey.currency = step.amount, step.currency


@dataclass(slots=True)
class Replayed:
    """What a ledger comes to: the life at its end, its transitions and all its journeys, in order."""

    life: Life
    transitions: list[Transition] = field(default_factory=list)
    journeys: list[Journey] = field(default_factory=list)


def replay(steps: Iterable[Step], *, now: datetime, life: Life | None = None, kept: int = 0) -> Replayed:
    """Run steps through the machine, from nothing or from a given life; raises `LedgerInvalid`, which names the step at fault.

    The first ``kept`` steps are not the caller's, who counts from the one after them.
    """
    replayed = Replayed((life or Life()).copy())
    for index, step in enumerate(steps):
        try:
            transition = advance(replayed.life, step, now=now)
        except LifecycleError as refusal:
            raise LedgerInvalid(
                f"step {replayed.life.sequence + 1}: {refusal.detail}",
                index=index - kept,
                sequence=replayed.life.sequence + 1,
                errors=[{"pointer": f"/transitions/{index - kept}", "detail": refusal.detail}],
            ) from refusal
        replayed.transitions.append(transition)
        journey = replayed.life.journey
        if journey and (not replayed.journeys or replayed.journeys[-1] is not journey):
            replayed.journeys.append(journey)
    return replayed


def step_of(row: Mapping[str, Any]) -> Step:
    """Return the step that a stored transition came from; what was recorded as a skip may skip again."""
    return Step(
        event=Event(row["event"]),
        occurred_at=row["occurred_at"],
        reason=row["reason"],
        category=row["category"],
        note=row["note"],
        amount=row["amount"],
        currency=row["currency"],
        allow_skip=True,
        channel=row["channel"],
        campaign=row["campaign"],
    )
