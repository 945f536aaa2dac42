"""What people and their tools do about who has a lead."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.leads.book import Book, Entry
from service.leads.operations import Writer
from service.leads.present import lead_out
from service.leads.privacy.export_store import merged_into
from service.leads.reading import find_lead
from service.nurture.assignment import store
from service.nurture.assignment.assigning import in_use
from service.nurture.assignment.choosing import Found, Nobody
from service.nurture.assignment.desk import Desk
from service.nurture.assignment.errors import (
    AssignedElsewhere,
    NobodyAvailable,
    NoRuleApplies,
    NotAssigned,
    OwnerUnavailable,
)
from service.nurture.assignment.passing import pass_on
from service.nurture.assignment.present import assignment_out
from service.nurture.assignment.rules import TEAMS
from service.nurture.assignment.schemas import AssignmentAccept, AssignmentCreate, AssignmentReject, AssignmentRelease

Row = dict[str, Any]


async def assign_lead(
    connection: AsyncConnection, lead_id: UUID, body: AssignmentCreate, writer: Writer
) -> dict[str, Any]:
    """Assign a lead as a request says; raises `OwnerUnavailable`, `NobodyAvailable` or `NoRuleApplies`, and changes nothing then."""
    book, entry = await _taken(connection, lead_id, writer)
    rules = await in_use(connection, actor=writer.actor, now=book.now)
    if body.team is not None and body.team not in rules.of(TEAMS).teams:
        raise Invalid("/team", f"there is no team {body.team!r}")
    teams, owners = [body.team] if body.team else [], [body.owner] if body.owner else []
    desk = await Desk.open(book, [entry], rules=rules, teams=teams, owners=owners, by_rules=body.auto)
    desk.reconcile(entry)
    found = _wanted(desk, entry, body)
    found.accept_within = found.accept_within or body.accept_within
    status, reason = "accepted" if body.accepted else "offered", body.reason or "reassigned"
    row = desk.give(entry, found, status=status, closing=("ended", reason))
    return await _done(desk, entry, row)


def _wanted(desk: Desk, entry: Entry, body: AssignmentCreate) -> Found:
    why = {"reason": body.reason} if body.reason else {}
    if body.owner is not None:
        fault = desk.chooser.fault_of(body.owner)
        if fault is not None and not body.override:
            raise OwnerUnavailable(f"{body.owner} cannot take another lead: {fault}", reason=fault)
        why |= {"although": fault} if fault else {}
        return Found(owner=body.owner, method="by_hand", why=why)
    # Who has it now is not who it is to be given to.
    besides = {entry.row["owner"]} if desk.open_of(entry) else set()
    if body.team is not None:
        passed: dict[str, str] = {}
        asked = {*besides, *desk.declined_by(entry)}
        found = desk.chooser.by_team(entry.row, body.team, "weighted", besides=asked, passed=passed)
        if found is None:
            raise NobodyAvailable(f"nobody in team {body.team!r} can take the lead", passed_over=passed)
    else:
        outcome = desk.find(entry, besides=besides)
        if outcome is None:
            raise NoRuleApplies("no rule of assignment is for this lead")
        if isinstance(outcome, Nobody):
            raise NobodyAvailable("nobody whom the rules name can take the lead", passed_over=dict(outcome.passed_over))
        found = outcome
    found.why = {**found.why, **why}
    return found


async def accept(connection: AsyncConnection, lead_id: UUID, body: AssignmentAccept, writer: Writer) -> dict[str, Any]:
    """Note that the owner takes the lead; once more changes nothing."""
    desk, entry, held = await _held(connection, lead_id, body.owner, writer)
    if held["status"] == "offered":
        desk.accept(entry, held)
    return await _done(desk, entry, held)


async def reject(connection: AsyncConnection, lead_id: UUID, body: AssignmentReject, writer: Writer) -> dict[str, Any]:
    """Take a lead from an owner who does not want it, and give it to the next, or put it into the pool."""
    desk, entry, _ = await _held(connection, lead_id, body.owner, writer, by_rules=True)
    row = pass_on(desk, entry, status="rejected", reason=body.reason, note=body.note, by=writer.actor)
    return await _done(desk, entry, row)


async def release(
    connection: AsyncConnection, lead_id: UUID, body: AssignmentRelease, writer: Writer
) -> dict[str, Any]:
    """Give a lead back into the pool."""
    desk, entry, _ = await _held(connection, lead_id, body.owner, writer)
    row = desk.close(entry, "released", body.reason, note=body.note)
    desk.free(entry, row)
    return await _done(desk, entry, None)


async def history(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return all assignments of a lead, those of leads that were merged into it among them, oldest first."""
    await find_lead(connection, lead_id)
    rows = await store.of_leads(connection, [lead_id, *await merged_into(connection, lead_id)])
    return {"data": [assignment_out(row) for row in rows], "next_cursor": None}


async def _taken(connection: AsyncConnection, lead_id: UUID, writer: Writer) -> tuple[Book, Entry]:
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    return book, entry


async def _held(
    connection: AsyncConnection, lead_id: UUID, owner: str | None, writer: Writer, *, by_rules: bool = False
) -> tuple[Desk, Entry, Row]:
    """Return a lead's open assignment; raises `NotAssigned` or `AssignedElsewhere`."""
    book, entry = await _taken(connection, lead_id, writer)
    rules = await in_use(connection, actor=writer.actor, now=book.now)
    desk = await Desk.open(book, [entry], rules=rules, by_rules=by_rules)
    desk.reconcile(entry)
    held = desk.open_of(entry)
    if held is None and entry.row["owner"] is not None:
        # Of a lead that was won or lost: whose it is may still be changed.
        held = desk.give(entry, Found(owner=entry.row["owner"], method="recorded"), status="accepted", tell=False)
    if held is None:
        raise NotAssigned("nobody has this lead")
    if owner is not None and held["owner"] != owner:
        raise AssignedElsewhere(f"the lead is {held['owner']}'s by now", owner=held["owner"])
    return desk, entry, held


async def _done(desk: Desk, entry: Entry, row: Row | None) -> dict[str, Any]:
    await desk.flush()
    await desk.book.flush()
    return {"assignment": assignment_out(row) if row else None, "lead": lead_out(entry.row)}
