"""What policies look at (PURE): a lead as it stands, what just happened to it, and what policies did to it before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from service.lifecycle.ledger import Life
from service.lifecycle.machine import Event
from service.lifecycle.reasons import NO_WAY_BACK
from service.lifecycle.stages import Stage
from service.nurture.activities.kinds import direction_of

DAY: Final = timedelta(days=1)
ACTOR: Final = "policy:"
"""How the actors begin that are policies; their keys follow."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Something the lead did; ``rating`` is where on its scale, from 0, the worst, to 1, the best."""

    id: UUID
    kind: str
    at: datetime
    rating: float | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that happened to the lead just now, which policies may wait for."""

    kind: Literal["created", "entered", "returned", "activity", "score_reached", "changed"]
    at: datetime
    stage: str | None = None
    activity: Activity | None = None
    scores: tuple[int, int] = (0, 0)
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fired:
    """When a policy last fired for the lead, and where that stood."""

    at: datetime
    stage: str
    journey: int
    sequence: int


@dataclass(slots=True, kw_only=True)
class Facts:
    """All that decides. `decide` leaves them as they are after what it decided.

    ``lead`` is the lead as the API shows it, or so much of it as segments ask for; its stage and journey are those of ``life``.
    ``heard_at`` is when the lead last did something; ``moves`` are when policies moved it, as far as that still counts.
    """

    lead: dict[str, Any]
    life: Life
    heard_at: datetime | None = None
    activities: Sequence[Activity] = ()
    fired: dict[str, Fired] = field(default_factory=dict)
    refused: dict[str, Fired] = field(default_factory=dict)
    moves: list[datetime] = field(default_factory=list)
    parked: bool = False

    @property
    def stage(self) -> str:
        """Where the lead stands; policies see no lead before it was acquired."""
        assert self.life.stage is not None
        return self.life.stage

    @property
    def entered_at(self) -> datetime:
        """Since when it stands there."""
        assert self.life.stage_entered_at is not None
        return self.life.stage_entered_at

    @property
    def idle_since(self) -> datetime:
        """When it last did something or was moved."""
        return max(self.heard_at, self.entered_at) if self.heard_at else self.entered_at

    @property
    def journey(self) -> int:
        """Return the number of the journey it is on."""
        return self.life.journey.number if self.life.journey else 1

    def stands(self, at: datetime) -> Fired:
        """Return where the lead stands, as what is remembered of a policy that fires."""
        return Fired(at, self.stage, self.journey, self.life.sequence)


def activity_of(told: Mapping[str, Any]) -> Activity:
    """Return an activity as the API and the feed show it."""
    rating, at = told.get("rating"), told["occurred_at"]
    return Activity(
        UUID(str(told["id"])),
        told["kind"],
        datetime.fromisoformat(at) if isinstance(at, str) else at,
        share_of(rating["value"], rating["worst"], rating["best"]) if rating else None,
    )


def activity_in(row: Mapping[str, Any]) -> Activity:
    """Return an activity as it is stored: ``id, kind, occurred_at, rating, rating_worst, rating_best``."""
    rating = row["rating"]
    share = share_of(rating, row["rating_worst"], row["rating_best"]) if rating is not None else None
    return Activity(row["id"], row["kind"], row["occurred_at"], share)


def share_of(value: float, worst: float, best: float) -> float:
    """Return where on its scale a rating is."""
    return round(float((value - worst) / (best - worst)), 4)


def is_silent(kind: str) -> bool:
    """Say whether an activity is no sign of life: a machine's doing, such as a mailing."""
    return direction_of(kind) == "system"


def signals_of(type_: str, data: Mapping[str, Any], at: datetime, *, life: Life) -> Iterator[Signal]:
    """Yield what an event of the feed says to policies, given the life of the lead; what policies did themselves says nothing."""
    if "policy" in data:
        return
    match type_:
        case "lead.created":
            yield Signal("created", at)
            yield Signal("entered", at, stage=str(Stage.ACQUIRED))
        case "lead.stage_changed" if "correction_id" not in data:
            yield from moved(data["transition"], at)
        case "lead.updated":
            yield Signal("changed", at, fields=frozenset(data.get("changed") or ()))
            if told := data.get("activity"):
                yield from acted(activity_of(told), life=life)
        case "lead.score_changed":
            yield Signal("score_reached", at, scores=(data["previous_score"], data["score"]))


def moved(transition: Mapping[str, Any], at: datetime) -> Iterator[Signal]:
    """Yield what a move by anybody but a policy says."""
    if not transition["actor"].startswith(ACTOR):
        yield Signal("entered", at, stage=transition["to_stage"])
        if transition["event"] == Event.REACTIVATE:
            yield Signal("returned", at)


def acted(activity: Activity, *, life: Life) -> Iterator[Signal]:
    """Yield what an activity says; of a churned lead, that it returned."""
    yield Signal("activity", activity.at, activity=activity)
    journey = life.journey
    if life.stage != Stage.CHURNED or journey is None or journey.reason in NO_WAY_BACK:
        return
    if direction_of(activity.kind) == "inbound" and journey.churned_at and activity.at >= journey.churned_at:
        yield Signal("returned", activity.at, activity=activity)
