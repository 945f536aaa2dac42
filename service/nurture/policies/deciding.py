"""Deciding (PURE): what policies do about a lead, given what is known of it and what just happened.

The worker that acts and the replay that only tries both ask here: what one says, the other does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from service.lifecycle.errors import LifecycleError
from service.lifecycle.ledger import Step, Transition, advance
from service.nurture.policies.conditions import Why, due_at, is_spent, why_heard, why_holds
from service.nurture.policies.facts import DAY, Facts, Signal
from service.nurture.policies.plan import Plan, Rule

Outcome = Literal["moved", "assigned", "tagged", "announced", "refused", "parked"]
_MOST_PASSES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one policy does, and why; ``actions`` are all it does, the weightiest one first, and ``outcome`` is that one."""

    rule: Rule
    trigger: str
    why: Why
    outcome: Outcome
    actions: tuple[Outcome, ...] = ()
    stage: str
    journey: int
    sequence: int
    at: datetime
    step: Step | None = None
    transition: Transition | None = None
    tags: tuple[str, ...] | None = None


@dataclass(slots=True)
class _Evaluation:
    plan: Plan
    facts: Facts
    now: datetime
    signals: list[Signal]
    decisions: list[Decision] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)
    heard: set[tuple[str, int]] = field(default_factory=set)


def decide(plan: Plan, facts: Facts, signals: Sequence[Signal], *, now: datetime) -> list[Decision]:
    """Return what the policies do about a lead now, in order; ``facts`` are afterwards as they are then.

    Each policy sees what those before it did, and after a move all are asked again, until none has anything more to do. One that would
    move the lead a second time runs in a circle: the lead is parked instead.
    """
    fresh = [signal for signal in signals if signal.at >= now - plan.stale_after]
    this = _Evaluation(plan, facts, now, fresh)
    for _ in range(_MOST_PASSES):
        before = len(this.decisions)
        for rule in plan.rules:
            _consider(this, rule)
        if len(this.decisions) == before:
            break
    return this.decisions


def wake_at(plan: Plan, facts: Facts, *, now: datetime) -> datetime | None:
    """Return when the next policy would have waited long enough if nothing happened until then, or None."""
    times = [
        due
        for rule in plan.rules
        if (due := due_at(rule, facts)) is not None
        and due > now
        and facts.stage in rule.stages
        and not (rule.step and facts.parked)
        and why_holds(rule, facts, now=now, timed=False) is not None
        # What it did in an idle time that has not ended it may do in the next one.
        and not is_spent(rule, facts, facts.fired)
    ]
    return min(times, default=None)


def _consider(this: _Evaluation, rule: Rule) -> None:
    facts, on = this.facts, rule.policy.when.on
    if facts.stage not in rule.stages or (rule.step and facts.parked):
        return
    if on is None:
        if not is_spent(rule, facts, facts.fired) and (why := why_holds(rule, facts, now=this.now)) is not None:
            timed = rule.policy.when.idle_days is not None or rule.policy.when.days_in_stage is not None
            _fire(this, rule, "time" if timed else "state", why)
        return
    for number, signal in enumerate(this.signals):
        if (rule.key, number) in this.heard or is_spent(rule, facts, facts.fired):
            continue
        heard = why_heard(on, signal, facts, now=this.now)
        why = why_holds(rule, facts, now=this.now) if heard is not None else None
        if heard is not None and why is not None:
            this.heard.add((rule.key, number))
            _fire(this, rule, signal.kind, why | heard)
        if rule.step and facts.parked:
            return


def _fire(this: _Evaluation, rule: Rule, trigger: str, why: Why) -> None:
    facts, stands = this.facts, this.facts.stands(this.now)
    told: dict[str, Any] = {
        "rule": rule,
        "trigger": trigger,
        "stage": facts.stage,
        "journey": facts.journey,
        "sequence": facts.life.sequence,
    }
    actions, transition = list[Outcome](), None
    if rule.step is not None:
        trial = facts.life.copy()
        try:
            transition = advance(trial, rule.step, now=this.now)
        except LifecycleError as refusal:
            _refuse(this, rule, refusal, why, told)
            return
        if (reason := _reason_to_park(this, rule)) is not None:
            facts.parked = True
            why = why | {"parked": reason, "moves": _moves_today(this)}
            this.decisions.append(Decision(**told, why=why, outcome="parked", at=this.now))
            return
        facts.life = trial
        facts.lead |= {"stage": trial.stage, "journey": facts.journey}
        facts.moves.append(this.now)
        this.moved.add(rule.key)
        this.signals.append(Signal("entered", this.now, stage=trial.stage))
        actions.append("moved")
    if _assigns(rule, facts):
        actions.append("assigned")
    tags = _tagged(rule, facts)
    if tags is not None:
        actions.append("tagged")
    if rule.policy.then.announce:
        actions.append("announced")
    if not actions:
        return
    facts.fired[rule.key] = stands
    this.decisions.append(
        Decision(
            **told,
            why=why,
            outcome=actions[0],
            actions=tuple(actions),
            at=this.now,
            step=rule.step,
            transition=transition,
            tags=tags,
        )
    )


def _refuse(this: _Evaluation, rule: Rule, refusal: LifecycleError, why: Why, told: dict[str, Any]) -> None:
    """Write down that a move was not legal; of a policy that goes on wanting it, once where the lead stands."""
    facts = this.facts
    again = is_spent(rule, facts, facts.refused)
    facts.refused[rule.key] = facts.stands(this.now)
    if again:
        return
    missing = [need["need"] for need in refusal.extra.get("missing", ())]
    why = why | {"refused": refusal.code} | ({"missing": missing} if missing else {})
    this.decisions.append(Decision(**told, why=why, outcome="refused", at=this.now))


def _reason_to_park(this: _Evaluation, rule: Rule) -> Literal["loop", "too_many_moves"] | None:
    if rule.key in this.moved:
        return "loop"
    return "too_many_moves" if _moves_today(this) >= this.plan.max_moves_per_day else None


def _moves_today(this: _Evaluation) -> int:
    return sum(at > this.now - DAY for at in this.facts.moves)


def _assigns(rule: Rule, facts: Facts) -> bool:
    """Say whether a policy gives the lead to somebody else; what a team makes of it is not known before it is asked."""
    assign, owner = rule.policy.then.assign, facts.lead["owner"]
    if assign is None or (owner is not None and (not assign.take_over or owner == assign.owner)):
        return False
    facts.lead["owner"] = assign.owner or f"team:{assign.team}"
    return True


def _tagged(rule: Rule, facts: Facts) -> tuple[str, ...] | None:
    tag, tags = rule.policy.then.tag, facts.lead["tags"]
    if tag is None:
        return None
    wanted = sorted({*tags, *tag.add} - set(tag.remove))
    if wanted == sorted(tags):
        return None
    facts.lead["tags"] = wanted
    return tuple(wanted)
