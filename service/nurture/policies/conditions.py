"""Whether a policy's conditions hold, and with which values (PURE)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from service.lifecycle.stages import funnel_rank
from service.nurture.policies.facts import DAY, Activity, Facts, Signal
from service.nurture.policies.plan import Rule
from service.nurture.policies.schemas import ActivityCondition, PolicyTrigger
from service.stats.segments.matching import belongs

Why = dict[str, Any]
"""What was looked at and what was found: codes, numbers, ids and names of fields, nothing of a person."""


def why_holds(rule: Rule, facts: Facts, *, now: datetime, timed: bool = True) -> Why | None:
    """Return why a policy's conditions hold, or None if they do not; ``timed=False`` asks for those alone that time does not change."""
    when = rule.policy.when
    if rule.lost or facts.stage not in rule.stages:
        return None
    why: Why = {"stage": facts.stage}
    for check in (_contact, _score, _history):
        found = check(rule, facts)
        if found is None:
            return None
        why |= found
    if not all(belongs(segment, facts.lead) for segment in rule.segments):
        return None
    if when.segment is not None:
        why["segment"] = when.segment
    if when.filters:
        why["filters"] = sorted(when.filters)
    if when.did is not None:
        did = _done(when.did, facts, now=now)
        if len(did) < when.did.count:
            return None
        why["did"] = {"kind": when.did.kind, "count": len(did), "activity_id": str(did[-1].id)}
    if timed:
        waited = _waited(rule, facts, now)
        return None if waited is None else why | waited
    return why


def _contact(rule: Rule, facts: Facts) -> Why | None:
    when, why = rule.policy.when, Why()
    if when.verdict:
        if facts.lead["verdict"] not in when.verdict:
            return None
        why["verdict"] = facts.lead["verdict"]
    if when.has_owner is not None:
        if (facts.lead["owner"] is not None) != when.has_owner:
            return None
        why["has_owner"] = when.has_owner
    return why


def _score(rule: Rule, facts: Facts) -> Why | None:
    when, score = rule.policy.when, facts.lead["score"]
    if when.score_gte is None and when.score_lt is None:
        return {}
    if (when.score_gte is not None and score < when.score_gte) or (
        when.score_lt is not None and score >= when.score_lt
    ):
        return None
    return {"score": score}


def _history(rule: Rule, facts: Facts) -> Why | None:
    when, journey, why = rule.policy.when, facts.life.journey, Why()
    if when.churned_for:
        if journey is None or journey.reason not in when.churned_for:
            return None
        why["churned_for"] = journey.reason
    if when.not_yet is not None:
        furthest = journey.furthest_stage if journey else facts.stage
        if funnel_rank(furthest) >= funnel_rank(when.not_yet):
            return None
        why |= {"not_yet": str(when.not_yet), "furthest_stage": furthest}
    return why


def _waited(rule: Rule, facts: Facts, now: datetime) -> Why | None:
    when, why = rule.policy.when, Why()
    if when.idle_days is not None:
        if facts.idle_since + when.idle_days * DAY > now:
            return None
        why |= {"idle_days": _days(now - facts.idle_since), "idle_since": _instant(facts.idle_since)}
    if when.days_in_stage is not None:
        if facts.entered_at + when.days_in_stage * DAY > now:
            return None
        why |= {"days_in_stage": _days(now - facts.entered_at), "entered_at": _instant(facts.entered_at)}
    return why


def due_at(rule: Rule, facts: Facts) -> datetime | None:
    """Return when a policy that waits for time to pass would have waited long enough, or None for one that does not."""
    when = rule.policy.when
    if when.on is not None or (when.idle_days is None and when.days_in_stage is None):
        return None
    idle = facts.idle_since + when.idle_days * DAY if when.idle_days is not None else facts.idle_since
    stay = facts.entered_at + when.days_in_stage * DAY if when.days_in_stage is not None else facts.entered_at
    return max(idle, stay)


def is_spent(rule: Rule, facts: Facts, fired: dict[str, Any]) -> bool:
    """Say whether a policy has fired (by what ``fired`` remembers) as often as it may where the lead stands."""
    last = fired.get(rule.key)
    if last is None:
        return False
    when = rule.policy.when
    match rule.policy.once_per:
        case "lead":
            return True
        case "journey":
            return bool(last.journey == facts.journey)
        case None if when.on is not None:
            return False
        case None if when.idle_days is not None:
            return bool(last.at > facts.idle_since)
    if last.stage != facts.stage:
        return False
    # A correction or a merge may count the steps anew; then the time says whether it fired since the lead came here.
    return bool(last.sequence == facts.life.sequence or last.at > facts.entered_at)


def why_heard(trigger: PolicyTrigger, signal: Signal, facts: Facts, *, now: datetime) -> Why | None:
    """Return why a signal is what a policy waits for, or None."""
    if trigger.activity is not None and signal.kind == "activity":
        return _heard_activity(trigger.activity, signal, facts, now=now)
    if trigger.entered is not None and signal.kind == "entered":
        # Somebody who moved on meanwhile is not there any more.
        return {"entered": signal.stage} if signal.stage == facts.stage and signal.stage in trigger.entered else None
    if trigger.score_reached is not None and signal.kind == "score_reached":
        before, after = signal.scores
        crossed = before < trigger.score_reached <= after
        return {"score_reached": trigger.score_reached, "score": after, "previous_score": before} if crossed else None
    if trigger.changed is not None and signal.kind == "changed":
        changed = sorted(signal.fields.intersection(trigger.changed))
        return {"changed": changed} if changed else None
    if trigger.created and signal.kind == "created":
        return {"created_at": _instant(signal.at)}
    if trigger.returned and signal.kind == "returned":
        found = signal.activity
        return {"returned_at": _instant(signal.at)} | (
            {"activity_id": str(found.id), "kind": found.kind} if found else {}
        )
    return None


def _heard_activity(wanted: ActivityCondition, signal: Signal, facts: Facts, *, now: datetime) -> Why | None:
    done = signal.activity
    if done is None or not _fits(wanted, done):
        return None
    why: Why = {"activity_id": str(done.id), "kind": done.kind}
    why |= {"rating": done.rating} if done.rating is not None else {}
    if wanted.count == 1:
        late = wanted.within_days is not None and done.at < now - wanted.within_days * DAY
        return None if late else why
    count = len(_done(wanted, facts, now=now))
    return why | {"count": count} if count >= wanted.count else None


def _done(wanted: ActivityCondition, facts: Facts, *, now: datetime) -> list[Activity]:
    since = now - wanted.within_days * DAY if wanted.within_days is not None else None
    return [one for one in facts.activities if _fits(wanted, one) and (since is None or one.at >= since)]


def _fits(wanted: ActivityCondition, done: Activity) -> bool:
    if not _is_of_kind(wanted.kind, done.kind):
        return False
    if wanted.rating_gte is None and wanted.rating_lte is None:
        return True
    rating = done.rating
    if rating is None:
        return False
    return (wanted.rating_gte is None or rating >= wanted.rating_gte) and (
        wanted.rating_lte is None or rating <= wanted.rating_lte
    )


def _is_of_kind(pattern: str, kind: str) -> bool:
    if pattern == "*" or pattern.endswith(".*"):
        return kind.startswith(pattern[:-1])
    return kind == pattern


def _days(span: timedelta) -> float:
    return round(span / DAY, 2)


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
