"""Assigning leads that are locked in a book: for policies and all else that acts within a transaction of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads.book import Book, Entry
from service.nurture import store as rule_store
from service.nurture.assignment import store
from service.nurture.assignment.choosing import Found
from service.nurture.assignment.desk import Desk
from service.nurture.assignment.rules import ASSIGNMENT_RULES, TEAMS
from service.nurture.rules import Rules, read_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A lead that is to be assigned, to an owner or to a team by turns. ``rule``, ``version`` and ``why`` say what wants it so."""

    entry: Entry
    owner: str | None = None
    team: str | None = None
    rule: str | None = None
    version: int | None = None
    why: Mapping[str, Any] = field(default_factory=dict)
    actor: str | None = None
    accept_within: timedelta | None = None


async def assign(
    book: Book,
    entry: Entry,
    *,
    owner: str | None = None,
    team: str | None = None,
    rule: str | None = None,
    version: int | None = None,
    why: Mapping[str, Any] | None = None,
    actor: str | None = None,
    accept_within: timedelta | None = None,
) -> dict[str, Any] | None:
    """Offer a lead to an owner, or to whose turn it is in a team, and return the assignment: its row, as `tables.assignments` has it.

    None: nobody could take it (inactive, away, full, or rejected it before), and nothing was changed. A lead that is the owner's or the
    team's already stays as it is, and its open assignment is returned. ``why`` holds codes and figures, nothing of the lead's person;
    ``actor`` is the book's unless given; an offer not accepted by ``accept_within`` goes on to the next of the team. The lead must be in the book; ``lead.assigned`` is announced, and told when the book is flushed.
    """
    wanted = Wanted(
        entry=entry,
        owner=owner,
        team=team,
        rule=rule,
        version=version,
        why=why or {},
        actor=actor,
        accept_within=accept_within,
    )
    return (await assign_many(book, [wanted]))[0]


async def assign_many(book: Book, wanted: Sequence[Wanted]) -> list[dict[str, Any] | None]:
    """Do the same for many leads, in the order given, with as many statements as for one."""
    rules = await in_use(book.connection, actor=book.actor, now=book.now)
    desk = await Desk.open(
        book,
        [one.entry for one in wanted],
        rules=rules,
        teams={one.team for one in wanted if one.team is not None},
        owners={one.owner for one in wanted if one.owner is not None},
        by_rules=False,
    )
    done = [_assign_one(desk, one) for one in wanted]
    await desk.flush()
    return done


def _assign_one(desk: Desk, one: Wanted) -> dict[str, Any] | None:
    entry = one.entry
    desk.reconcile(entry)
    held = desk.open_of(entry)
    if held is not None and (held["owner"] == one.owner or (one.team is not None and held["team"] == one.team)):
        return held
    declined = desk.declined_by(entry)
    if one.team is not None:
        found = desk.chooser.by_team(entry.row, one.team, "weighted", besides=declined, passed={})
    else:
        found = Found(owner=one.owner or "", method="owner")
        if found.owner in declined or desk.chooser.fault_of(found.owner) is not None:
            found = None
    if found is None:
        return None
    found.rule, found.version, found.why = one.rule, one.version, {**found.why, **one.why}
    found.accept_within = one.accept_within
    return desk.give(entry, found, actor=one.actor)


async def in_use(connection: AsyncConnection, *, actor: str, now: datetime) -> Rules:
    """Return the rules, having noted that leads are assigned here: from now on it is minded whose they are, and what becomes of them."""
    rules = await read_rules(connection)
    if rules.version(TEAMS) or rules.version(ASSIGNMENT_RULES):
        return rules
    # Whoever else writes teams holds this lock, too.
    await store.lock(connection)
    await rule_store.add_version(connection, TEAMS.name, {}, actor=actor, now=now)
    return await read_rules(connection)
