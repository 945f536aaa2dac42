"""Policies at work: the leads that something happened to are looked at, and what is decided of them is done and written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads.book import Entry
from service.leads.present import lead_out
from service.nurture.policies import store
from service.nurture.policies.acting import Deed, carry_out
from service.nurture.policies.checking import load_plan
from service.nurture.policies.conditions import is_spent
from service.nurture.policies.deciding import decide, wake_at
from service.nurture.policies.facts import ACTOR, DAY, Activity, Facts, Fired, Signal, activity_in, signals_of
from service.nurture.policies.plan import Plan
from service.nurture.policies.schemas import FIELDS, POLICIES
from service.nurture.rounds import Change, Reaction, Round

_BEGINNING: Final = datetime(1900, 1, 1, tzinfo=UTC)
_KEY: Final = "due"


@dataclass(slots=True)
class _Memory:
    """What is known of the leads of a round, read with one statement for each table."""

    fired: dict[UUID, dict[bool, dict[str, Fired]]] = field(default_factory=dict)
    moves: dict[UUID, list[datetime]] = field(default_factory=dict)
    parked: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    activities: dict[UUID, list[Activity]] = field(default_factory=dict)
    heard: dict[UUID, datetime] = field(default_factory=dict)
    timers: dict[UUID, datetime] = field(default_factory=dict)


async def react(this: Round) -> None:
    """Let the policies decide about each lead that something happened to, and do what they decide."""
    policies, version = this.rules.of(POLICIES), this.rules.version(POLICIES)
    plan = await load_plan(this.connection, policies)
    concerned = [(entry, change) for entry, change in this.concerned(REACTION) if _matters(change, plan)]
    concerned = [(entry, change) for entry, change in concerned if not entry.row["test"]]
    if not concerned:
        return
    memory = await _remember(this.connection, [entry.id for entry, _ in concerned], plan, now=this.now)
    decided: list[Deed] = []
    for entry, change in concerned:
        facts = _facts(entry, memory)
        refused = {rule.key for rule in plan.rules if is_spent(rule, facts, facts.refused)}
        decisions = decide(plan, facts, _signals(entry, change), now=this.now)
        decided += [Deed(entry, decision, decision.rule.key in refused) for decision in decisions]
        _set_timer(this, entry, wake_at(plan, facts, now=this.now), memory.timers.get(entry.id))
    await carry_out(this.book, decided, version)


def _matters(change: Change, plan: Plan) -> bool:
    """Say whether what happened to a lead can matter to any policy."""
    if REACTION.name in change.swept or any(timer["kind"] == REACTION.name for timer in change.timers):
        return True
    return any(_is_news(event, plan) for event in change.events if REACTION.hears(event))


def _is_news(event: dict[str, Any], plan: Plan) -> bool:
    data = event["data"] or {}
    if event["type"] == "lead.updated":
        return "policy" not in data and not plan.fields.isdisjoint(data.get("changed") or ())
    # Where its own move led, it has seen already.
    return not data.get("transition", {}).get("actor", "").startswith(ACTOR)


def _signals(entry: Entry, change: Change) -> list[Signal]:
    return [
        signal
        for event in change.events
        for signal in signals_of(event["type"], event["data"] or {}, event["occurred_at"], life=entry.life)
    ]


async def _remember(connection: AsyncConnection, ids: Sequence[UUID], plan: Plan, *, now: datetime) -> _Memory:
    memory = _Memory()
    for row in await store.read_fired(connection, ids, [rule.key for rule in plan.rules]):
        last = Fired(row["fired_at"], row["stage"], row["journey"], row["sequence"])
        memory.fired.setdefault(row["lead_id"], {}).setdefault(row["refused"], {})[row["policy"]] = last
    memory.parked = await store.read_parked(connection, ids)
    for row in await store.read_moves(connection, ids, since=now - DAY):
        let_go = memory.parked.get(row["lead_id"], {}).get("unparked_at")
        if let_go is None or row["fired_at"] > let_go:
            memory.moves.setdefault(row["lead_id"], []).append(row["fired_at"])
    if plan.memory is None or plan.memory:
        since = now - plan.memory if plan.memory else _BEGINNING
        for row in await store.read_activities(connection, ids, since=since):
            memory.activities.setdefault(row["lead_id"], []).append(activity_in(row))
    if plan.asks_idle:
        memory.heard = await store.read_heard(connection, ids)
    memory.timers = await store.read_timers(connection, ids, kind=REACTION.name, key=_KEY)
    return memory


def _facts(entry: Entry, memory: _Memory) -> Facts:
    fired = memory.fired.get(entry.id, {})
    return Facts(
        lead=lead_out(entry.row),
        life=entry.life.copy(),
        heard_at=memory.heard.get(entry.id),
        activities=memory.activities.get(entry.id, ()),
        fired=fired.get(False, {}),
        refused=fired.get(True, {}),
        moves=memory.moves.get(entry.id, []),
        parked=bool(memory.parked.get(entry.id, {}).get("parked")),
    )


def _set_timer(this: Round, entry: Entry, at: datetime | None, known: datetime | None) -> None:
    """Set when the lead is looked at again. A timer that goes off too early costs less than one moved at each activity."""
    if at is not None and (known is None or at < known):
        this.wake(entry.id, REACTION.name, _KEY, at)


REACTION: Final = Reaction(
    name="policies",
    rule_sets=(POLICIES,),
    types=frozenset(
        {"lead.created", "lead.stage_changed", "lead.score_changed", "lead.assigned", "lead.merged", "lead.unmerged"}
    ),
    fields=FIELDS | {"activities", "test", "parked"},
    applies=lambda rules: any(policy.enabled for policy in rules.of(POLICIES).policies),
    react=react,
)
