"""Policies are checked when they are written: what they name must exist, and each must be able to fire."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.leads.reason_codes import categories_of
from service.lifecycle.machine import MOVES, NEEDS, Event
from service.lifecycle.stages import Stage, funnel_rank, is_in_funnel
from service.nurture import rules
from service.nurture.assignment.rules import TEAMS
from service.nurture.policies.plan import Plan, plan_of, reasons_named, segments_named
from service.nurture.policies.schemas import FIELDS, ActivityCondition, LeadPolicy, Policies, PolicyTrigger, PolicyWhen
from service.stats.segments.operations import check_filters, find_segment, find_segments

_BY_REASON: Final = frozenset(move.event for move in MOVES.values() if NEEDS["reason"] in move.needs)


async def check(connection: AsyncConnection, policies: Policies, *, place: str = "") -> None:
    """Raise `Invalid`, which points at what is wrong, for policies that name what does not exist or could never do anything."""
    first: dict[str, int] = {}
    categories = await categories_of(connection, reasons_named(policies))
    teams = (await rules.read_rules(connection)).of(TEAMS).teams
    for index, policy in enumerate(policies.policies):
        with _within(f"{place}/policies/{index}"):
            if policy.key in first:
                raise Invalid("/key", f"is the key of {place}/policies/{first[policy.key]}, too")
            first[policy.key] = index
            _check_one(policy, categories, teams)
            with _within("/when"):
                if policy.when.filters:
                    await check_filters(connection, policy.when.filters)
                if policy.when.segment is not None:
                    await _check_segment(connection, policy.when.segment)


async def load_plan(connection: AsyncConnection, policies: Policies) -> Plan:
    """Return policies ready to decide with; one whose segment was deleted since cannot fire."""
    segments = await find_segments(connection, segments_named(policies))
    return plan_of(policies, segments=segments, categories=await categories_of(connection, reasons_named(policies)))


async def _check_segment(connection: AsyncConnection, key: str) -> None:
    try:
        await find_segment(connection, key)
    except Invalid as fault:
        raise Invalid("/segment", fault.detail) from fault


@contextmanager
def _within(place: str) -> Iterator[None]:
    """Let faults point into the part of the body that they were found in."""
    try:
        yield
    except Invalid as fault:
        pointer = fault.extra["errors"][0]["pointer"]
        raise Invalid(f"{place}{pointer}", fault.detail) from fault


def _check_one(policy: LeadPolicy, categories: Mapping[str, str], teams: Container[str]) -> None:
    with _within("/then"):
        _check_then(policy, categories)
        to = policy.then.assign
        if to is not None and to.team is not None and to.team not in teams:
            raise Invalid("/assign/team", f"there is no team {to.team!r}")
    with _within("/when"):
        _check_stages(policy)
        _check_when(policy.when, categories)
        if policy.when.on is not None:
            _check_trigger(policy.when, policy.when.on)


def _check_then(policy: LeadPolicy, categories: Mapping[str, str]) -> None:
    then = policy.then
    if not (then.move or then.assign or then.tag or then.announce):
        raise Invalid("", "says nothing that is done: move, assign, tag or announce")
    if then.assign and (then.assign.owner is None) == (then.assign.team is None):
        raise Invalid("/assign", "must name either an owner or a team")
    if then.tag and (both := set(then.tag.add) & set(then.tag.remove)):
        raise Invalid("/tag", f"{min(both)}: cannot be both added and removed")
    if then.tag and not then.tag.add and not then.tag.remove:
        raise Invalid("/tag", "names no tag")
    if then.move is None:
        return
    event, reason = Event(then.move.event), then.move.reason
    if event in _BY_REASON and reason is None:
        raise Invalid("/move/reason", f"{event} needs a reason code")
    if event not in _BY_REASON and reason is not None:
        raise Invalid("/move/reason", f"{event} takes no reason")
    if reason is not None and reason not in categories:
        raise Invalid("/move/reason", f"{reason!r} is not a reason code; GET /v1/lifecycle lists them")


def _check_stages(policy: LeadPolicy) -> None:
    move, named = policy.then.move, policy.when.stages
    if move is None:
        return
    event = Event(move.event)
    for index, stage in enumerate(named or ()):
        arrow = MOVES.get((stage, event))
        if arrow is None or (arrow.is_skip and not move.allow_skip):
            hint = "; with allow_skip it would be" if arrow else ""
            raise Invalid(f"/stages/{index}", f"{event} is not possible from {stage}{hint}")
    if policy.when.verdict == ["invalid"] and event == Event.CLEAN:
        raise Invalid("/verdict", "it could never fire: clean needs a verdict other than invalid")


def _check_when(when: PolicyWhen, categories: Mapping[str, str]) -> None:
    if when.score_gte is not None and when.score_lt is not None and when.score_gte >= when.score_lt:
        raise Invalid("/score_lt", "it could never fire: no score is at least score_gte and below score_lt")
    for index, reason in enumerate(when.churned_for or ()):
        if reason not in categories:
            raise Invalid(f"/churned_for/{index}", f"{reason!r} is not a reason code; GET /v1/lifecycle lists them")
    if when.churned_for and when.stages and Stage.CHURNED not in when.stages:
        raise Invalid("/churned_for", "it could never fire: only a churned lead has such a reason")
    if when.not_yet is not None and (not is_in_funnel(when.not_yet) or funnel_rank(when.not_yet) == 0):
        raise Invalid("/not_yet", "must be one of cleaned, nurtured, opportunity and won")
    if when.did is not None:
        _check_activity(when.did, "/did")


def _check_trigger(when: PolicyWhen, on: PolicyTrigger) -> None:
    chosen = [name for name, value in on if value is not None]
    if len(chosen) != 1:
        raise Invalid("/on", f"must be exactly one of {', '.join(PolicyTrigger.model_fields)}")
    for index, name in enumerate(on.changed or ()):
        if name not in FIELDS:
            raise Invalid(f"/on/changed/{index}", f"{name}: must be one of {', '.join(sorted(FIELDS))}")
    if on.activity is not None:
        _check_activity(on.activity, "/on/activity")
        if on.activity.count > 1 and on.activity.within_days is None:
            raise Invalid("/on/activity/within_days", "says within which time it is done so often")
    if on.entered and when.stages and not set(on.entered) & set(when.stages):
        raise Invalid("/on/entered", "it could never fire: none of these stages is among /when/stages")
    if on.score_reached is not None and when.score_lt is not None and when.score_lt <= on.score_reached:
        raise Invalid("/score_lt", "it could never fire: the score just reached as much or more")
    if when.idle_days is not None and (on.activity or on.entered or on.created):
        raise Invalid("/idle_days", f"it could never fire: {chosen[0]} ends the idle time")
    if when.days_in_stage is not None and (on.entered or on.created):
        raise Invalid("/days_in_stage", f"it could never fire: {chosen[0]} begins the stay")


def _check_activity(deed: ActivityCondition, place: str) -> None:
    lowest, highest = deed.rating_gte, deed.rating_lte
    if lowest is not None and highest is not None and lowest > highest:
        raise Invalid(f"{place}/rating_lte", "it could never fire: is below rating_gte")
