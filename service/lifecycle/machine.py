"""The state machine of a lead: the one definition from which everything else is derived.

`Lifecycle` says which event leads from where to where, which moves are skips, and what each needs. Making a python-statemachine
instance costs about 0.4 ms, so nothing in the service runs one per row: `MOVES` is read off the class once, at import, and a look-up in
it decides every transition, single or in bulk. A test drives real machines through every combination and holds them against `MOVES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

from statemachine import State, StateMachine

from service.lifecycle.stages import Stage


class Event(StrEnum):
    """What moves a lead between stages."""

    ACQUIRE = "acquire"
    CLEAN = "clean"
    NURTURE = "nurture"
    QUALIFY = "qualify"
    RECYCLE = "recycle"
    WIN = "win"
    REPURCHASE = "repurchase"
    CHURN = "churn"
    REACTIVATE = "reactivate"


class Attempt(Protocol):
    """What a need looks at: the lead's side of a transition and the caller's."""

    @property
    def has_identity(self) -> bool: ...
    @property
    def verdict(self) -> str: ...
    @property
    def erased(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Need:
    """A condition of an event: whether an attempt meets it, and the sentence for when it does not."""

    name: str
    detail: str
    met: Callable[[Attempt], bool]


NEEDS: Final = MappingProxyType(
    {
        need.name: need
        for need in (
            Need(
                "identity", "an e-mail address, a phone number or an external id", lambda attempt: attempt.has_identity
            ),
            Need(
                "usable_contact", "a cleaning verdict other than invalid", lambda attempt: attempt.verdict != "invalid"
            ),
            Need("reason", "a reason code", lambda attempt: attempt.reason is not None),
            Need("not_erased", "a lead that was not erased", lambda attempt: not attempt.erased),
        )
    }
)


class NeedUnmet(Exception):
    """The machine refused a legal event because of this need."""

    def __init__(self, need: Need) -> None:
        super().__init__(need.detail)
        self.need = need


class Lifecycle(StateMachine):
    """A lead's life. `nothing` is where it stands before it was acquired; no stage is final."""

    nothing = State(initial=True)
    acquired = State()
    cleaned = State()
    nurtured = State()
    opportunity = State()
    won = State()
    churned = State()
    reactivated = State()

    acquire = nothing.to(acquired, validators="identity")
    clean = acquired.to(cleaned, validators="usable_contact") | reactivated.to(cleaned, validators="usable_contact")
    nurture = cleaned.to(nurtured) | reactivated.to(nurtured) | acquired.to(nurtured, cond="allow_skip")
    qualify = (
        cleaned.to(opportunity)
        | nurtured.to(opportunity)
        | reactivated.to(opportunity)
        | acquired.to(opportunity, cond="allow_skip")
    )
    recycle = opportunity.to(nurtured, validators="reason")
    win = (
        opportunity.to(won)
        | acquired.to(won, cond="allow_skip")
        | cleaned.to(won, cond="allow_skip")
        | nurtured.to(won, cond="allow_skip")
        | reactivated.to(won, cond="allow_skip")
    )
    repurchase = won.to(opportunity)
    churn = (
        acquired.to(churned, validators="reason")
        | cleaned.to(churned, validators="reason")
        | nurtured.to(churned, validators="reason")
        | opportunity.to(churned, validators="reason")
        | won.to(churned, validators="reason")
        | reactivated.to(churned, validators="reason")
    )
    reactivate = churned.to(reactivated, validators="not_erased")

    def allow_skip(self, *, allow_skip: bool = False) -> bool:
        """Let a skip pass only when the caller asked for it."""
        return allow_skip

    def identity(self, attempt: Attempt) -> None:
        """Refuse an attempt without an identity."""
        _insist("identity", attempt)

    def usable_contact(self, attempt: Attempt) -> None:
        """Refuse an attempt on a lead whose data were found unusable."""
        _insist("usable_contact", attempt)

    def reason(self, attempt: Attempt) -> None:
        """Refuse an attempt that gives no reason."""
        _insist("reason", attempt)

    def not_erased(self, attempt: Attempt) -> None:
        """Refuse an attempt on an erased person."""
        _insist("not_erased", attempt)


def _insist(name: str, attempt: Attempt) -> None:
    if not NEEDS[name].met(attempt):
        raise NeedUnmet(NEEDS[name])


STARTS_JOURNEY: Final = frozenset({Event.ACQUIRE, Event.REACTIVATE, Event.REPURCHASE})


@dataclass(frozen=True, slots=True)
class Move:
    """One arrow of the machine."""

    source: Stage | None
    event: Event
    target: Stage
    is_skip: bool
    needs: tuple[Need, ...]


def _moves() -> dict[tuple[Stage | None, Event], Move]:
    moves: dict[tuple[Stage | None, Event], Move] = {}
    for state in Lifecycle.states:
        source = None if state.initial else Stage(state.id)
        for arrow in state.transitions:
            needs = tuple(NEEDS[str(validator.func)] for validator in arrow.validators)
            is_skip = any(condition.func == "allow_skip" for condition in arrow.cond)
            for event in arrow.events:
                moves[source, Event(event.id)] = Move(source, Event(event.id), Stage(arrow.target.id), is_skip, needs)
    return moves


MOVES: Final = MappingProxyType(_moves())
"""Every arrow, by where it starts (None: before the lead existed) and its event."""

STARTING: Final = frozenset((move.source, move.target) for move in MOVES.values() if move.event in STARTS_JOURNEY)
"""From where to where those arrows lead that start a journey. No other event has one of them, so that the two stages tell them."""


def diagram() -> str:
    """Return the machine as a Mermaid state diagram, drawn from the class."""
    lines = f"{Lifecycle:mermaid}".strip().splitlines()
    return "\n".join(line.replace("[allow_skip]", "[skip]") for line in lines) + "\n"


def events_from(stage: Stage | None) -> list[Move]:
    """Return the arrows that leave a stage, in the order of the events' definition; skips included."""
    order: list[Any] = list(Event)
    return sorted(
        (move for (source, _), move in MOVES.items() if source == stage), key=lambda move: order.index(move.event)
    )
