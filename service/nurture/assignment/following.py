"""What the service does about assignments of its own accord: it gives out what comes, takes back what lies, and keeps the books.

It hears when a lead moves, or is given to somebody by another hand; timers tell it that an offer ran out, or that a lead was left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from service.leads.book import Entry
from service.leads.present import lead_out
from service.lifecycle.machine import Event
from service.nurture.activities.kinds import KINDS
from service.nurture.assignment import store
from service.nurture.assignment.choosing import Found
from service.nurture.assignment.desk import ACCEPT, NAME, RECLAIM, RETRY, Desk
from service.nurture.assignment.matching import depends_on, rule_for
from service.nurture.assignment.passing import pass_on, retry
from service.nurture.assignment.reclaiming import next_reclaim
from service.nurture.assignment.rules import ASSIGNMENT_RULES, ENDED, TEAMS, Rule
from service.nurture.rounds import Change, Reaction, Round
from service.nurture.rules import Rules

ACTOR: Final = "nurture"
# By which we know that one of us is on a lead.
TOUCHES: Final = [kind.kind for kind in KINDS if kind.direction == "outbound"]
_MOVES: Final = frozenset({"lead.created", "lead.stage_changed"})


def _are_used(rules: Rules) -> bool:
    return bool(rules.version(TEAMS) or rules.version(ASSIGNMENT_RULES))


async def _react(this: Round) -> None:
    gone = [lead_id for lead_id in this.book.entries if lead_id not in this.changes]
    await store.end_gone(this.connection, gone, now=this.now, actor=ACTOR)
    concerned = list(this.concerned(ASSIGNMENT))
    if not concerned:
        return
    desk = await Desk.open(this.book, [entry for entry, _ in concerned], rules=this.rules, wake=this.wake)
    held = [entry.id for entry, _ in concerned if desk.open_of(entry)]
    touched = await store.last_touched(this.connection, held, kinds=TOUCHES)
    for entry, change in concerned:
        _look_at(desk, entry, change, touched.get(entry.id))
    await desk.flush()


ASSIGNMENT: Final = Reaction(
    name=NAME,
    rule_sets=(ASSIGNMENT_RULES,),
    types=_MOVES | {"lead.merged", "lead.unmerged", "lead.erased", "lead.score_changed"},
    fields=frozenset(
        {"owner", "country", "region", "industry", "company_size", "company_domain", "channel", "tags", "attributes"}
    ),
    applies=_are_used,
    react=_react,
)


def _look_at(desk: Desk, entry: Entry, change: Change, touched: datetime | None) -> None:
    # Whose it was when it was created, or before there were rules, is no news.
    desk.reconcile(entry, tell=any(_may_change_the_owner(event) for event in change.events))
    _end_with_the_stage(desk, entry, change)
    if desk.open_of(entry) is not None:
        _mind(desk, entry, touched)
    elif entry.row["owner"] is None:
        _give_by_rule(desk, entry, change)


def _may_change_the_owner(event: Mapping[str, Any]) -> bool:
    return event["type"] in {"lead.merged", "lead.unmerged"} or "owner" in (event["data"].get("changed") or ())


def _end_with_the_stage(desk: Desk, entry: Entry, change: Change) -> None:
    """End an assignment whose lead was won, lost, or sent back to be nurtured since; the transition's reason is its reason."""
    held = desk.open_of(entry)
    if held is None:
        return
    later = [
        event["data"]["transition"]
        for event in change.events
        if event["type"] == "lead.stage_changed" and event["sequence"] > held["sequence"]
    ]
    if later and entry.row["stage"] in ENDED:
        desk.close(entry, "ended", later[-1]["reason"] or entry.row["stage"], by=later[-1]["actor"])
        return
    # A correction tells again of moves that it found right.
    fresh = [one for one in later if one["correction_id"] is None or one is later[-1]]
    back = next((one for one in reversed(fresh) if one["event"] == Event.RECYCLE), None)
    if back is not None:
        row = desk.close(entry, "ended", back["reason"], by=back["actor"])
        if desk.rules.on_recycle == "clear":
            desk.free(entry, row)


def _mind(desk: Desk, entry: Entry, touched: datetime | None) -> None:
    """Let an offer that nobody accepted go on, take back what was left alone, and set the alarm for either."""
    held = desk.open_of(entry)
    assert held is not None
    now = desk.book.now
    if held["accept_by"] is not None and held["accept_by"] <= now:
        if touched is None or touched < held["offered_at"]:
            pass_on(desk, entry, status="reclaimed", reason="not_accepted", by=ACTOR)
            return
        desk.accept(entry, held, by="activity")
    elif held["accept_by"] is not None:
        desk.wake(entry, ACCEPT, held["accept_by"])
    due = next_reclaim(desk.rules, held, entry.row, touched=touched)
    if due is not None and due[0] <= now:
        pass_on(desk, entry, status="reclaimed", reason=due[1].key, by=ACTOR, to=due[1].to)
    else:
        desk.wake(entry, RECLAIM, due[0] if due else None)


def _give_by_rule(desk: Desk, entry: Entry, change: Change) -> None:
    """Give a lead that has no owner to whom the first rule that is for it finds, if this is the time to."""
    rule = rule_for(desk.rules, lead_out(entry.row), desk.segments)
    if rule is None or not _is_time(desk, entry, change, rule):
        return
    found = desk.find_by(entry, rule)
    if isinstance(found, Found):
        desk.give(entry, found, actor=ACTOR)
    else:
        retry(desk, entry, found)


def _is_time(desk: Desk, entry: Entry, change: Change, rule: Rule) -> bool:
    """Say whether a lead came into its stage, meets the rule for the first time, or is to be tried again.

    What was given back in this stage is in the pool, and stays there until somebody takes it or it moves.
    """
    last = desk.last_of(entry)
    since = last["sequence"] if last else 0
    if any(timer["kind"] == NAME and timer["key"] == RETRY for timer in change.timers):
        return True
    moves = [event for event in change.events if event["type"] in _MOVES and event["sequence"] > since]
    if any(event["data"]["transition"]["correction_id"] is None for event in moves):
        return True
    if desk.had_this_stay(entry):
        return False
    if moves or (NAME in change.swept and rule.backlog):
        return True
    return not depends_on(rule.when, desk.segments).isdisjoint(_changed(change))


def _changed(change: Change) -> set[str]:
    """Return the names of what the events say has changed."""
    names: set[str] = set()
    for event in change.events:
        names.update(event["data"].get("changed") or ())
        names.update({"score"} if event["type"] == "lead.score_changed" else ())
    return names
