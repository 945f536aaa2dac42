"""Policies that feed each other, found without a single lead (PURE)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from service.lifecycle.machine import MOVES, Event

if TYPE_CHECKING:
    from service.nurture.policies.schemas import LeadPolicy, PolicyWhen


def stages_of(policy: LeadPolicy) -> frozenset[str]:
    """Return the stages in which a policy can fire: those it names, if it moves only those from which its move is possible."""
    named = policy.when.stages
    if policy.then.move is None:
        return frozenset(named) if named else frozenset(str(move.target) for move in MOVES.values())
    event, skips = Event(policy.then.move.event), policy.then.move.allow_skip
    possible = {
        str(source) for (source, one), move in MOVES.items() if source and one == event and (skips or not move.is_skip)
    }
    return frozenset(possible.intersection(named) if named else possible)


def loops_in(policies: Sequence[LeadPolicy]) -> list[list[str]]:
    """Return the keys of policies that could move a lead in a circle with nothing happening from outside, a list for each circle.

    What waits for something from outside (an activity, a score, a return) runs no circle by itself.
    """
    moving = [policy for policy in policies if policy.enabled and policy.then.move and not _waits(policy.when)]
    leads_to = {one.key: [other.key for other in moving if other is not one and _feeds(one, other)] for one in moving}
    reach = {key: _reachable(key, leads_to) for key in leads_to}
    found, seen = list[list[str]](), set[str]()
    for key in leads_to:
        circle = [other for other in leads_to if other in reach[key] and key in reach[other]]
        if key not in seen and circle:
            found.append(circle)
            seen.update(circle)
    return found


def _waits(when: PolicyWhen) -> bool:
    return when.on is not None and when.on.entered is None


def _feeds(one: LeadPolicy, other: LeadPolicy) -> bool:
    """Say whether one policy moves leads to where another one may take them up."""
    assert one.then.move is not None
    event = Event(one.then.move.event)
    target = next(move.target for (_, known), move in MOVES.items() if known == event)
    return target in stages_of(other) and _compatible(one.when, other.when)


def _compatible(one: PolicyWhen, other: PolicyWhen) -> bool:
    """Say whether a lead can meet both conditions at the same time."""
    if one.verdict and other.verdict and not set(one.verdict) & set(other.verdict):
        return False
    if one.has_owner is not None and other.has_owner is not None and one.has_owner != other.has_owner:
        return False
    lowest = max((bound for bound in (one.score_gte, other.score_gte) if bound is not None), default=None)
    highest = min((bound for bound in (one.score_lt, other.score_lt) if bound is not None), default=None)
    return lowest is None or highest is None or lowest < highest


def _reachable(start: str, leads_to: dict[str, list[str]]) -> set[str]:
    reached, waiting = set[str](), list(leads_to[start])
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += leads_to[key]
    return reached
