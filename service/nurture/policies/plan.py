"""Policies made ready to decide with (PURE): their segments found, their moves as the machine takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from service.core.http.queries import is_attribute
from service.lifecycle.ledger import Step
from service.lifecycle.machine import Event
from service.nurture.policies.facts import DAY
from service.nurture.policies.loops import stages_of
from service.nurture.policies.schemas import ActivityCondition, LeadPolicy, Policies
from service.stats.question import Segment
from service.stats.segments.checking import segment_of, stored_filters

_COLUMNS: Final = {"tag": "tags", "score_band": "score", "entry_stage": "stage"}
# Whatever policies there are: to whom they apply at all.
_ALWAYS: Final = frozenset({"test", "parked"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy that is switched on. ``segments`` are all filters that must hold; ``lost``: its segment is gone, it cannot fire."""

    policy: LeadPolicy
    stages: frozenset[str]
    segments: tuple[Segment, ...]
    lost: bool
    step: Step | None

    @property
    def key(self) -> str:
        """The policy's key."""
        return self.policy.key


@dataclass(frozen=True, slots=True)
class Plan:
    """Policies in order, and what they need to know.

    ``fields`` are those of `lead.updated` that matter to them; ``memory`` is how far back they ask for activities: None for ever, zero for
    not at all.
    """

    rules: tuple[Rule, ...]
    max_moves_per_day: int
    stale_after: timedelta
    fields: frozenset[str]
    memory: timedelta | None
    asks_idle: bool


def plan_of(policies: Policies, *, segments: Mapping[str, Segment], categories: Mapping[str, str]) -> Plan:
    """Return policies ready to decide with, given the segments they name and the categories of their reasons."""
    rules = tuple(_rule(policy, segments, categories) for policy in policies.policies if policy.enabled)
    whens = [rule.policy.when for rule in rules]
    asked = [deed for when in whens for deed in (when.did, _counted(when.on.activity if when.on else None)) if deed]
    ever = any(deed.within_days is None for deed in asked)
    memory = timedelta(days=max((deed.within_days or 0 for deed in asked), default=0))
    return Plan(
        rules,
        max_moves_per_day=policies.max_moves_per_day,
        stale_after=policies.stale_after_days * DAY,
        fields=_ALWAYS.union(*map(_fields, rules)),
        memory=None if ever else memory,
        asks_idle=any(when.idle_days is not None for when in whens),
    )


def segments_named(policies: Policies) -> set[str]:
    """Return the keys of the segments that policies name."""
    return {policy.when.segment for policy in policies.policies if policy.when.segment is not None}


def reasons_named(policies: Policies) -> set[str]:
    """Return the reason codes that policies name."""
    moves = [policy.then.move for policy in policies.policies if policy.then.move]
    named = {move.reason for move in moves if move.reason is not None}
    return named.union(*(policy.when.churned_for or () for policy in policies.policies))


def _counted(deed: ActivityCondition | None) -> ActivityCondition | None:
    return deed if deed and deed.count > 1 else None


def _rule(policy: LeadPolicy, segments: Mapping[str, Segment], categories: Mapping[str, str]) -> Rule:
    when, move = policy.when, policy.then.move
    named = segments.get(when.segment) if when.segment is not None else None
    own = [segment_of(policy.key, stored_filters(when.filters, {}))] if when.filters else []
    step = None
    if move is not None:
        category = categories.get(move.reason) if move.reason else None
        step = Step(event=Event(move.event), reason=move.reason, category=category, allow_skip=move.allow_skip)
    lost = when.segment is not None and named is None
    return Rule(policy, stages_of(policy), (*([named] if named else ()), *own), lost, step)


def _fields(rule: Rule) -> frozenset[str]:
    when = rule.policy.when
    asked = {filter_.dimension for segment in rule.segments for filter_ in segment.filters}
    fields = {"attributes" if is_attribute(name) else _COLUMNS.get(name, name) for name in asked}
    if when.verdict or rule.step:
        fields.add("verdict")
    if when.has_owner is not None or rule.policy.then.assign:
        fields.add("owner")
    if when.did or (when.on and (when.on.activity or when.on.returned)):
        fields.add("activities")
    if when.idle_days is not None and not rule.step:
        # It may fire again in the next idle time, whose end is set when this one ends.
        fields |= {"activities", "touchpoints"}
    return frozenset(fields).union((when.on.changed if when.on else None) or ())
