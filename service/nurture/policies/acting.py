"""Acting: what policies decided is done to the leads of a round, and written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import prometheus_client

from service.core.ids import new_id
from service.leads.book import Book, Entry
from service.leads.steps import completed
from service.nurture.assignment.assigning import Wanted, assign_many
from service.nurture.policies import store
from service.nurture.policies.deciding import Decision
from service.nurture.policies.facts import ACTOR

FIRED: Final = prometheus_client.Counter("leads_policy_firings", "What policies did", ["outcome"])


@dataclass(slots=True)
class Deed:
    """A decision on its way: whose it is, the move it became, and what of it is done.

    ``refused_before`` says that the policy was refused already while the lead stands where it does.
    """

    entry: Entry
    decision: Decision
    refused_before: bool
    transition_id: UUID | None = None
    # What was given to nobody, because nobody could take it.
    left_over: bool = False

    @property
    def key(self) -> str:
        """The policy's key."""
        return self.decision.rule.key

    @property
    def actions(self) -> list[str]:
        """Return all that is done, the weightiest first."""
        return [action for action in self.decision.actions if action != "assigned" or not self.left_over]


async def carry_out(book: Book, decided: Sequence[Deed], version: int) -> None:
    """Do what was decided, in order: the moves and the tags, then who gets the leads, then what is told; and write the firings."""
    for deed in decided:
        _move_and_tag(book, deed, version)
    giving = [deed for deed in decided if "assigned" in deed.decision.actions]
    given = await assign_many(book, [_wanted(deed, version) for deed in giving]) if giving else []
    for deed, assignment in zip(giving, given, strict=True):
        deed.left_over = assignment is None
    firings = [row for deed in decided if (row := _tell(book, deed, version)) is not None]
    for row in firings:
        FIRED.labels(row["outcome"]).inc()
    await store.add_firings(book.connection, firings)
    await store.park(book.connection, [_parked(row) for row in firings if row["outcome"] == "parked"])


def _move_and_tag(book: Book, deed: Deed, version: int) -> None:
    entry, decision = deed.entry, deed.decision
    if "moved" in decision.actions and decision.step is not None:
        before, book.actor = book.actor, f"{ACTOR}{deed.key}"
        deed.transition_id = book.move(entry, completed(decision.step, entry.row))["id"]
        book.actor = before
    if decision.tags is not None:
        entry.row["tags"] = list(decision.tags)
        book.announce(entry, "lead.updated", {"changed": ["tags"], "policy": _named(deed, version)}, at=book.now)


def _wanted(deed: Deed, version: int) -> Wanted:
    to = deed.decision.rule.policy.then.assign
    assert to is not None
    named = f"{ACTOR}{deed.key}"
    why = {"policy": deed.key, **deed.decision.why}
    return Wanted(entry=deed.entry, owner=to.owner, team=to.team, rule=named, version=version, why=why, actor=named)


def _tell(book: Book, deed: Deed, version: int) -> dict[str, Any] | None:
    """Announce what was done, and return the firing; None where it need not be said again that nobody could take the lead."""
    entry, decision, named = deed.entry, deed.decision, _named(deed, version)
    if "announced" in decision.actions:
        book.announce(entry, "policy.fired", {"policy": named, "why": decision.why}, at=book.now)
    if decision.outcome == "parked":
        book.announce(entry, "lead.updated", {"changed": ["parked"], "policy": named}, at=book.now)
    actions, outcome, why = deed.actions, str(decision.outcome), dict(decision.why)
    if deed.left_over:
        why |= {"refused": "nobody_available"}
        outcome = actions[0] if actions else "refused"
        if not actions and deed.refused_before:
            return None
    return {
        "lead_id": entry.id,
        "id": new_id(),
        "policy": deed.key,
        "version": version,
        "trigger": decision.trigger,
        "why": why,
        "outcome": outcome,
        "actions": actions,
        "stage": decision.stage,
        "journey": decision.journey,
        "sequence": decision.sequence,
        "transition_id": deed.transition_id,
        "fired_at": decision.at,
    }


def _named(deed: Deed, version: int) -> dict[str, Any]:
    return {"key": deed.key, "version": version}


def _parked(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("lead_id", "policy", "version")},
        "id": new_id(),
        "reason": row["why"]["parked"],
        "moves": row["why"]["moves"],
        "parked_at": row["fired_at"],
        "unparked_at": None,
        "unparked_by": None,
    }
