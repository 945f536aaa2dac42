"""When a lead is to be taken back from its owner (PURE): after a time since some date, and never while somebody is on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from service.core.http.queries import ATTRIBUTES
from service.nurture.assignment.rules import AssignmentRules, Reclaim

Row = Mapping[str, Any]

_OF_ASSIGNMENT: Final = {"assigned_at": "offered_at", "accepted_at": "accepted_at"}


def next_reclaim(
    rules: AssignmentRules, assignment: Row, lead: Row, *, touched: datetime | None
) -> tuple[datetime, Reclaim] | None:
    """Return when a lead is to be taken back if nothing happens until then, and by which rule; None: never.

    ``touched`` is when one of us was last in touch with the lead.
    """
    found = [
        (at, rule)
        for rule in rules.reclaim
        if (not rule.stages or lead["stage"] in rule.stages)
        and (not rule.teams or assignment["team"] in rule.teams)
        and (at := _due(rule, assignment, lead, touched)) is not None
    ]
    return min(found, key=lambda one: one[0], default=None)


def _due(rule: Reclaim, assignment: Row, lead: Row, touched: datetime | None) -> datetime | None:
    base = _instant(rule.since, assignment, lead)
    if base is None:
        return None
    if rule.without == "activity" and touched is not None:
        base = max(base, touched)
    if rule.without == "move":
        base = max(base, lead["stage_entered_at"])
    try:
        due = base + rule.after
    except OverflowError:
        return None
    if rule.without == "activity":
        return due
    if rule.since not in _OF_ASSIGNMENT:
        # An old lead that somebody has only just got is not taken away at once.
        due = max(due, assignment["offered_at"] + rule.quiet_for)
    return due if touched is None else max(due, touched + rule.quiet_for)


def _instant(name: str, assignment: Row, lead: Row) -> datetime | None:
    if not name.startswith(ATTRIBUTES):
        known: datetime | None = assignment[_OF_ASSIGNMENT[name]] if name in _OF_ASSIGNMENT else lead[name]
        return known
    value = lead["attributes"].get(name.removeprefix(ATTRIBUTES))
    if not isinstance(value, str):
        return None
    try:
        told = datetime.fromisoformat(value)
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
