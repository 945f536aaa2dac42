"""Passing a lead on from somebody who does not want it, or did not look after it: to the next, or into the pool."""

from __future__ import annotations

from typing import Any, Literal

from service.leads.book import Entry
from service.nurture.assignment.choosing import Found, Nobody
from service.nurture.assignment.desk import RETRY, Desk
from service.nurture.assignment.rules import Rule


def pass_on(
    desk: Desk,
    entry: Entry,
    *,
    status: Literal["rejected", "reclaimed"],
    reason: str,
    by: str,
    note: str | None = None,
    to: Literal["next", "pool"] | None = None,
) -> dict[str, Any] | None:
    """End a lead's open assignment, and return that of whoever has it next; None: it is in the pool.

    ``to`` is where it is to go; unless given, the rule that had assigned it says so. Whoever had it does not get it again, and when nobody
    is left, the pool is where it ends.
    """
    held = desk.close(entry, status, reason, note=note, by=by)
    rule = _rule_of(desk, held)
    found: Found | Nobody | None = None
    if (to or (rule.on_refusal if rule else "next")) == "next":
        found = _next(desk, entry, held, rule)
    if isinstance(found, Found):
        found.why = {**found.why, "after": status}
        return desk.give(entry, found, actor=by)
    desk.free(entry, held)
    if found is not None:
        retry(desk, entry, found)
    return None


def retry(desk: Desk, entry: Entry, nobody: Nobody) -> None:
    """Set the alarm for another attempt, if the rule wants that and somebody was only full or away."""
    if nobody.rule is not None and nobody.rule.retry_every is not None and nobody.may_change:
        desk.wake(entry, RETRY, desk.book.now + nobody.rule.retry_every)


def _rule_of(desk: Desk, held: dict[str, Any]) -> Rule | None:
    """Return the rule of ours that had given a lead, as it is today; None if another hand had, or it is gone."""
    if "policy" in held["why"]:
        return None
    return next((rule for rule in desk.rules.rules if rule.key == held["rule"]), None)


def _next(desk: Desk, entry: Entry, held: dict[str, Any], rule: Rule | None) -> Found | Nobody | None:
    if rule is not None:
        return desk.find_by(entry, rule)
    if held["team"] is None:
        return None
    besides = desk.declined_by(entry)
    return desk.chooser.by_team(entry.row, held["team"], "weighted", besides=besides, passed={})
