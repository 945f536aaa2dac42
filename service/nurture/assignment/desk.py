"""The desk where leads are handed out: all that one transaction does about assignments, decided in memory and written at once.

Whoever opens it holds the leads' locks, and nobody else can assign until the transaction ends: capacities are kept and turns are exact,
however many ask at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from service.core.ids import new_id
from service.leads.book import Book, Entry
from service.leads.present import lead_out
from service.nurture.assignment import store
from service.nurture.assignment.choosing import Chooser, Found, Nobody
from service.nurture.assignment.matching import rule_for
from service.nurture.assignment.present import assignment_told
from service.nurture.assignment.reclaiming import next_reclaim
from service.nurture.assignment.rules import ASSIGNMENT_RULES, ENDED, TEAMS, AssignmentRules, Rule
from service.nurture.rounds import write_timers
from service.nurture.rules import Rules
from service.stats.question import Segment
from service.stats.segments.operations import find_segments

Row = dict[str, Any]
Wake = Callable[[UUID, str, str, datetime | None], None]

NAME: Final = "assignment"
ACCEPT: Final = "accept"
RECLAIM: Final = "reclaim"
RETRY: Final = "retry"
MERGED: Final = "merged"
_API: Final = "api"
OPEN: Final = frozenset({"offered", "accepted"})


class Desk:
    """The assignments of some leads, who could have them, and whose turn it is."""

    def __init__(self, book: Book, rules: Rules, chooser: Chooser, *, known: Sequence[Row], wake: Wake | None) -> None:
        self.book = book
        self.rules: AssignmentRules = rules.of(ASSIGNMENT_RULES)
        self.version = rules.version(ASSIGNMENT_RULES)
        self.chooser = chooser
        self.segments: Mapping[str, Segment] = {}
        self._known: dict[UUID, list[Row]] = {}
        for row in known:
            self._known.setdefault(row["lead_id"], []).append(row)
        self._added: list[Row] = []
        self._changed: dict[UUID, Row] = {}
        self._wake = wake
        self._timers: dict[tuple[UUID, str, str], datetime | None] = {}

    @classmethod
    async def open(
        cls,
        book: Book,
        entries: Collection[Entry],
        *,
        rules: Rules,
        teams: Collection[str] = (),
        owners: Collection[str] = (),
        by_rules: bool = True,
        wake: Wake | None = None,
    ) -> Self:
        """Open the desk for leads in the book: to give them to these owners and teams, and ``by_rules`` to whom those find.

        ``wake`` sets timers in a round; without it they are written with all else.
        """
        connection = book.connection
        await store.lock(connection)
        chooser = Chooser(rules.of(TEAMS), now=book.now)
        known = await store.of_leads(connection, [entry.id for entry in entries])
        desk = cls(book, rules, chooser, known=known, wake=wake)
        asked, people = set(teams), set(owners)
        if by_rules:
            asked |= _teams_of(desk.rules) | {row["team"] for row in known if row["team"] is not None}
            people |= {rule.to.owner for rule in desk.rules.rules if rule.to.owner is not None}
            await desk._learn_of_leads(entries)
        people |= {owner for entry in entries if (owner := entry.row["owner"]) is not None}
        people |= {row["owner"] for row in known if row["status"] in OPEN} | set(chooser.companies.values())
        people |= {member.owner for key in asked for member in chooser.members(key)}
        chooser.know_turns(asked, await store.read_turns(connection, asked))
        chooser.loads = await store.read_loads(connection, people)
        return desk

    async def _learn_of_leads(self, entries: Collection[Entry]) -> None:
        """Read what rules ask of leads besides what they are: segments, and who has the others of their companies."""
        connection = self.book.connection
        named = {rule.when.segment for rule in self.rules.rules if rule.when.segment is not None}
        self.segments = await find_segments(connection, sorted(named))
        if any(rule.sticky_to_company for rule in self.rules.rules):
            ids = [entry.id for entry in entries]
            domains = {domain for entry in entries if (domain := entry.row["company_domain"])}
            self.chooser.companies = await store.owners_of_companies(connection, domains, besides=ids)

    def open_of(self, entry: Entry) -> Row | None:
        """Return the lead's open assignment, or None."""
        last = self.last_of(entry)
        return last if last is not None and last["status"] in OPEN else None

    def last_of(self, entry: Entry) -> Row | None:
        """Return the lead's last assignment, or None."""
        known = self._known.get(entry.id)
        return known[-1] if known else None

    def had_this_stay(self, entry: Entry) -> bool:
        """Say whether the lead was assigned since it entered its stage."""
        last = self.last_of(entry)
        return last is not None and last["offered_at"] >= entry.row["stage_entered_at"]

    def declined_by(self, entry: Entry) -> set[str]:
        """Return who is not to be given the lead again: who rejected it on this journey, or let it lie in this stage."""
        return {
            row["owner"]
            for row in self._known.get(entry.id, ())
            if (row["status"] == "rejected" and row["journey"] == entry.row["journey"])
            or (row["status"] == "reclaimed" and row["ended_at"] >= entry.row["stage_entered_at"])
        }

    def find(self, entry: Entry, *, besides: Collection[str] = ()) -> Found | Nobody | None:
        """Find who is to have a lead by the first rule that is for it; None if no rule is."""
        rule = rule_for(self.rules, lead_out(entry.row), self.segments)
        return None if rule is None else self.find_by(entry, rule, besides=besides)

    def find_by(self, entry: Entry, rule: Rule, *, besides: Collection[str] = ()) -> Found | Nobody:
        """Find who is to have a lead by a rule, besides some and those who declined it."""
        found = self.chooser.by_rule(entry.row, rule, besides={*besides, *self.declined_by(entry)})
        if isinstance(found, Found):
            found.version = self.version
        return found

    def give(
        self,
        entry: Entry,
        found: Found,
        *,
        status: str = "offered",
        actor: str | None = None,
        closing: tuple[str, str] = ("ended", "reassigned"),
        tell: bool = True,
    ) -> Row:
        """Give a lead to who was found; how the assignment that was open ended is ``closing``: its status and reason."""
        previous, now = entry.row["owner"], self.book.now
        if (held := self.open_of(entry)) is not None:
            previous = held["owner"]
            self.close(entry, *closing, by=actor)
        taken = now if status == "accepted" else None
        row = {
            "lead_id": entry.id,
            "id": new_id(),
            **found.columns(),
            "status": status,
            "reason": None,
            "note": None,
            "journey": entry.row["journey"],
            "test": entry.row["test"],
            "offered_at": now,
            "accept_by": now + found.accept_within if found.accept_within and not taken else None,
            "accepted_at": taken,
            "decided_at": taken,
            "ended_at": None,
            "actor": actor or self.book.actor,
            "ended_by": None,
        }
        self._known.setdefault(entry.id, []).append(row)
        self._added.append(row)
        entry.row["owner"] = found.owner
        self.chooser.settle(entry.row, found.owner)
        if tell:
            self.tell(entry, row, owner=found.owner, previous=previous)
        row["sequence"] = entry.row["version"]
        self.wake(entry, ACCEPT, row["accept_by"])
        self.wake(entry, RETRY, None)
        self._mind(entry, row)
        return row

    def accept(self, entry: Entry, row: Row, *, by: str | None = None) -> None:
        """Note that the owner takes the lead; ``by`` is what told so, unless they did."""
        row |= {"status": "accepted", "accepted_at": self.book.now, "decided_at": self.book.now, "accept_by": None}
        row["why"] |= {"accepted_by": by} if by else {}
        self._changed[row["id"]] = row
        self.wake(entry, ACCEPT, None)
        self._mind(entry, row)
        self.tell(entry, row, owner=row["owner"], previous=row["owner"])

    def close(self, entry: Entry, status: str, reason: str, *, note: str | None = None, by: str | None = None) -> Row:
        """End the lead's open assignment, and leave whose the lead is as it is."""
        row = self.open_of(entry)
        assert row is not None
        now = self.book.now
        row |= {"status": status, "reason": reason, "note": note, "ended_at": now, "ended_by": by or self.book.actor}
        row["accept_by"] = None
        if status == "rejected":
            row["decided_at"] = now
        self._changed[row["id"]] = row
        if not row["test"]:
            self.chooser.unburden(row["owner"])
        for key in (ACCEPT, RECLAIM):
            self.wake(entry, key, None)
        return row

    def free(self, entry: Entry, row: Row) -> None:
        """Take a lead, whose assignment has ended, from its owner, and tell so."""
        entry.row["owner"] = None
        self.tell(entry, row, owner=None, previous=row["owner"])

    def tell(self, entry: Entry, row: Row, *, owner: str | None, previous: str | None) -> None:
        """Announce whose the lead is now."""
        told = {"assignment": assignment_told(row, owner=owner), "previous_owner": previous}
        self.book.announce(entry, "lead.assigned", told, at=self.book.now)

    def reconcile(self, entry: Entry, *, tell: bool = True) -> None:
        """Record whose the lead is by another hand than ours: a person's or the CRM's, through the API."""
        held, last, owner = self.open_of(entry), self.last_of(entry), entry.row["owner"]
        if held is not None and held["owner"] == owner:
            return
        if owner is None:
            if held is not None:
                self.close(entry, "released", "owner_cleared", by=_API)
                self.tell(entry, held, owner=None, previous=held["owner"])
        elif held is not None or not self._is_over(entry):
            self.give(entry, Found(owner=owner, method="recorded"), status="accepted", actor=_API, tell=tell)
        elif tell and (last is None or last["owner"] != owner):
            # A customer, or somebody who was lost, has another owner; there is no work with them, but it is known whose they are.
            self.give(entry, Found(owner=owner, method="recorded"), status="accepted", actor=_API)
            self.close(entry, "ended", entry.row["stage"], by=_API)

    def _is_over(self, entry: Entry) -> bool:
        """Say whether the owner of a lead without an open assignment has no work with it: it ended, and nothing came of the lead since."""
        last = self.last_of(entry)
        return entry.row["stage"] in ENDED or (
            last is not None
            and (last["owner"], last["status"]) == (entry.row["owner"], "ended")
            and last["reason"] != MERGED
            and entry.row["stage_entered_at"] <= last["ended_at"]
        )

    def _mind(self, entry: Entry, row: Row) -> None:
        """Set the alarm for when the lead is to be taken back; whether it then is depends on what was done until then."""
        due = next_reclaim(self.rules, row, entry.row, touched=None)
        self.wake(entry, RECLAIM, due[0] if due else None)

    def wake(self, entry: Entry, key: str, at: datetime | None) -> None:
        """Have the lead looked at again at a time; None: not any more."""
        if self._wake is not None:
            self._wake(entry.id, NAME, key, at)
        else:
            self._timers[entry.id, NAME, key] = at

    async def flush(self) -> None:
        """Write what was decided, but for what the book writes."""
        connection = self.book.connection
        new = {row["id"] for row in self._added}
        await store.change(connection, [row for key, row in self._changed.items() if key not in new])
        await store.add(connection, self._added)
        await store.keep_turns(connection, self.chooser.changed_turns())
        if self._timers:
            await write_timers(connection, self._timers)
        self._added, self._changed, self._timers = [], {}, {}


def _teams_of(rules: AssignmentRules) -> set[str]:
    return {key for rule in rules.rules for key in (rule.to.team, rule.fallback) if key is not None}
