"""Replaying (PURE): what policies would have done about one lead, had they been in force in the past.

The lead's real life goes by in the order in which it happened; what people and channels did is kept where it is legal in the life that
the policies give the lead, what policies really did is left out, and timers go off when they would have. The same decisions are made by the
same code as at work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal
from uuid import UUID

from service.lifecycle.errors import LifecycleError
from service.lifecycle.ledger import Life, Step, advance, step_of
from service.lifecycle.machine import Event
from service.lifecycle.reasons import NO_WAY_BACK
from service.lifecycle.stages import Stage, funnel_rank, is_in_funnel
from service.nurture.policies.deciding import Decision, decide, wake_at
from service.nurture.policies.facts import ACTOR, DAY, Activity, Facts, Signal, acted, is_silent, moved, signals_of
from service.nurture.policies.plan import Plan

Row = Mapping[str, Any]
Kept = Literal["kept", "superseded", "impossible"]

# At one instant: the ledger, then what was told of the lead, then what the lead did.
_LEDGER: Final = 0
_TOLD: Final = 1
_ACTIVITY: Final = 2
_TOUCHPOINT: Final = 3


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the feed: what it said, and the lead as it was then, so much of it as policies may ask for.

    ``by_policy`` says that a policy's doing is told.
    """

    at: datetime
    type: str
    data: Row
    lead: Row
    by_policy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that is known of one lead's past: the ledger that holds, what the feed told (oldest first), what it did, its contacts.

    ``score_at`` works out the score of the lead as it was at a time; None: the scores that were told then are taken.
    """

    lead_id: UUID
    ledger: Sequence[Row]
    told: Sequence[Told]
    activities: Sequence[Activity]
    touched: Sequence[datetime]
    score_at: Callable[[Row, datetime], int] | None = None


@dataclass(slots=True)
class Replayed:
    """What would have become of a lead: the decisions in order, the stage at the end, what was kept of its real moves."""

    decisions: list[Decision] = field(default_factory=list)
    stage: str | None = None
    real_stage: str | None = None
    moves: dict[Kept, int] = field(default_factory=lambda: {"kept": 0, "superseded": 0, "impossible": 0})


def replay(plan: Plan, history: History, *, start: datetime, end: datetime) -> Replayed:
    """Return what policies that were put in force at ``start`` would have done about a lead until ``end``, itself not included."""
    run = _Run(plan, history, start)
    for at, items in groupby(_items(history), key=lambda item: item[0]):
        if at >= end:
            break
        run.pass_time(until=at)
        run.live(at, [(kind, item) for _, kind, _, item in items])
    run.pass_time(until=end)
    run.done.stage = run.facts.life.stage
    return run.done


def _items(history: History) -> list[tuple[datetime, int, int, Any]]:
    """Return all that happened, in order: by time, and what happened at once by kind and then as it was recorded."""
    items: list[tuple[datetime, int, int, Any]] = [
        (row["occurred_at"], _LEDGER, row["sequence"], row) for row in history.ledger
    ]
    latest = None
    for number, told in enumerate(history.told):
        # What came late was not known before what had been told already.
        latest = max(latest, told.at) if latest else told.at
        items.append((latest, _TOLD, number, told))
    items += [(done.at, _ACTIVITY, number, done) for number, done in enumerate(history.activities)]
    items += [(at, _TOUCHPOINT, number, at) for number, at in enumerate(history.touched)]
    return sorted(items, key=lambda item: item[:3])


class _Run:
    """One lead on its way through the past."""

    def __init__(self, plan: Plan, history: History, start: datetime) -> None:
        self.plan = plan
        self.start = start
        self.score_at = history.score_at
        self.score = 0
        self.done = Replayed()
        self.activities: list[Activity] = []
        first = history.told[0].lead if history.told else {}
        self.facts = Facts(lead=dict(first), life=Life(), activities=self.activities)
        self.due: datetime | None = None
        self.in_force = False
        # The lead as it was told last. From it to the next telling, others than policies changed its tags and its owner.
        self.last: Row = {"tags": (), "owner": None}
        self.tags: set[str] = set()
        self.owner: str | None = None

    def pass_time(self, *, until: datetime) -> None:
        """Let the policies come into force, and timers go off, before a time."""
        if self.facts.life.stage is None:
            return
        if not self.in_force and self.start < until:
            self.in_force = True
            self.decide([], self.start)
        while self.in_force and self.due is not None and self.due < until:
            self.decide([], self.due)

    def live(self, at: datetime, items: Sequence[tuple[int, Any]]) -> None:
        """Let happen what happened at one instant, and then let the policies decide."""
        signals: list[Signal] = []
        for kind, item in items:
            signals += self._happen(at, kind, item)
        if at >= self.start and self.facts.life.stage is not None:
            self.in_force = True
            self.decide(signals, at)

    def decide(self, signals: Sequence[Signal], at: datetime) -> None:
        """Let the policies decide at a time."""
        facts = self.facts
        facts.moves = [moved_at for moved_at in facts.moves if moved_at > at - DAY]
        self.done.decisions += decide(self.plan, facts, [*signals, *self._score(at)], now=at)
        self.tags, self.owner = set(facts.lead["tags"]), facts.lead["owner"]
        self.due = wake_at(self.plan, facts, now=at)

    def _score(self, at: datetime) -> Iterator[Signal]:
        """Work the score out, if it is not taken as it was told."""
        if self.score_at is not None:
            before, self.score = self.score, self.score_at(self.facts.lead, at)
            self.facts.lead["score"] = self.score
            yield Signal("score_reached", at, scores=(before, self.score))

    def _happen(self, at: datetime, kind: int, item: Any) -> Iterator[Signal]:
        if kind == _LEDGER:
            yield from self._move(at, item)
        elif kind == _TOLD:
            self._tell(at, item)
            if item.type != "lead.stage_changed" and not (item.type == "lead.score_changed" and self.score_at):
                yield from signals_of(item.type, item.data, item.at, life=self.facts.life)
        elif kind == _ACTIVITY:
            self.activities.append(item)
            if not is_silent(item.kind):
                self._hear(at)
            yield from acted(item, life=self.facts.life)
        else:
            self._hear(at)
            yield from self._return(at)

    def _hear(self, at: datetime) -> None:
        self.facts.heard_at = max(self.facts.heard_at, at) if self.facts.heard_at else at

    def _move(self, at: datetime, row: Row) -> Iterator[Signal]:
        """Move the lead as it really was moved, where that is legal now; from the start on, but not by policies."""
        self.done.real_stage = row["to_stage"]
        if at >= self.start and row["actor"].startswith(ACTOR):
            return
        became = self._advance(step_of(row), at, to_stage=row["to_stage"])
        if at >= self.start:
            self.done.moves[became] += 1
            if became == "kept" and row["event"] != Event.ACQUIRE:
                yield from moved(row, at)

    def _advance(self, step: Step, at: datetime, *, to_stage: str) -> Kept:
        life = self.facts.life
        # That it really happened says that the need was met.
        verdict, life.verdict = life.verdict, "valid"
        try:
            advance(life, step, now=at)
        except LifecycleError:
            return "superseded" if _is_there(life.stage, to_stage) else "impossible"
        finally:
            life.verdict = verdict
        self._sync()
        return "kept"

    def _tell(self, at: datetime, told: Told) -> None:
        if not told.by_policy or at < self.start:
            now, before = set(told.lead["tags"]), set(self.last["tags"])
            self.tags = (self.tags | (now - before)) - (before - now)
            self.owner = self.owner if told.lead["owner"] == self.last["owner"] else told.lead["owner"]
        self.last = told.lead
        self.facts.lead = dict(told.lead)
        self.facts.life.verdict = told.lead["verdict"]
        self._sync()

    def _sync(self) -> None:
        lead, facts = self.facts.lead, self.facts
        lead |= {"stage": facts.life.stage, "journey": facts.journey, "tags": sorted(self.tags), "owner": self.owner}

    def _return(self, at: datetime) -> Iterator[Signal]:
        """Do what the intake does about a new submission of a lead that only the replay has churned."""
        life = self.facts.life
        if life.stage != Stage.CHURNED or self.done.real_stage == Stage.CHURNED or at < self.start:
            return
        if life.journey is None or life.journey.reason in NO_WAY_BACK:
            return
        advance(life, Step(event=Event.REACTIVATE), now=at)
        self._sync()
        yield Signal("entered", at, stage=str(Stage.REACTIVATED))
        yield Signal("returned", at)


def _is_there(stage: str | None, wanted: str) -> bool:
    """Say whether a lead in a stage is where a move leads, or further on in the funnel."""
    if stage is None or stage == wanted:
        return stage == wanted
    return is_in_funnel(stage) and is_in_funnel(wanted) and funnel_rank(stage) >= funnel_rank(wanted)
