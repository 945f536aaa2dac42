"""Merging: two leads of one person become one, and nothing that was known of either is lost.

In one transaction: the ledgers are woven, touchpoints, activities, consents and identities move to the survivor, the better of each fact
is shown, and the duplicate's part of the statistics is taken back. The duplicate's row and its whole ledger stay, superseded, so that
what was believed before can still be asked, and the merge be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import new_id
from service.leads import rules_store
from service.leads import store as ledgers
from service.leads.book import Book, Entry
from service.leads.errors import LeadNotFound
from service.leads.merging import store
from service.leads.merging.entering import KEPT, read_entered
from service.leads.merging.errors import refuse_pair, same_lead
from service.leads.merging.facts import Facts, Path, facts_of, facts_told, name_of, path_of, put
from service.leads.merging.present import merge_out
from service.leads.merging.strands import pieces_aside, pieces_of, put_aside, put_woven, strand_of
from service.leads.merging.survivorship import DEFAULT_RULES, Side, Whose, survive, with_raw
from service.leads.operations import Writer
from service.leads.present import lead_out, money
from service.leads.privacy.holding_again import hold_again
from service.lifecycle.weaving import Woven, weave

RULES = "merge"
"""The name of the rules by which fields survive."""


async def merge_leads(
    connection: AsyncConnection,
    survivor_id: UUID,
    duplicate_id: UUID,
    writer: Writer,
    *,
    automatic: bool = False,
    why: Mapping[str, Any] | None = None,
    fields: Mapping[str, Whose] | None = None,
) -> dict[str, Any]:
    """Merge a lead into another one, in the caller's transaction, and return the merge with the survivor, as the API shows them.

    ``why`` is kept with the merge; ``fields`` says for some fields whose value is shown. Raises `LeadNotFound`, `LeadErased` or
    `LeadMerged` for the survivor, and `CannotMerge` for a pair that cannot become one.
    """
    if survivor_id == duplicate_id:
        raise same_lead()
    book = Book(connection, now=writer.now, actor=writer.actor)
    await book.take([survivor_id, duplicate_id])
    survivor = _found(book, survivor_id)
    await book.refuse_gone(survivor)
    duplicate = _found(book, duplicate_id)
    refuse_pair(survivor.row, duplicate.row)
    writer.precondition.check(survivor.row["version"])
    merge = _Merge(book, survivor, duplicate, new_id())
    row = merge.row | {"automatic": automatic, "why": dict(why) if why is not None else None}
    sides = await _sides(connection, survivor, duplicate)
    woven = await merge.weave_ledgers()
    changed = await merge.join_facts(woven, sides, fields or {})
    moved, identities = await merge.move()
    if survivor.row["suppressed"] or duplicate.row["suppressed"]:
        await hold_again(book, [survivor])
    row["before"] = merge.before | {"identities": identities}
    row["moved"] = moved | {"identities": len(identities)}
    merge.announce(changed)
    await book.flush()
    await store.number_journeys(connection, survivor_id)
    await store.insert_merge(connection, row)
    return merge_out(row, merge.set_aside) | {"lead": lead_out(survivor.row)}


def _found(book: Book, lead_id: UUID) -> Entry:
    entry = book.entries.get(lead_id)
    if entry is None:
        raise LeadNotFound(f"there is no lead {lead_id}")
    return entry


class _Merge:
    """A merge under way: the two leads, and what undoing it will need."""

    def __init__(self, book: Book, survivor: Entry, duplicate: Entry, merge_id: UUID) -> None:
        self.book = book
        self.survivor = survivor
        self.duplicate = duplicate
        self.before: dict[str, Any] = {}
        self.set_aside: list[dict[str, Any]] = []
        self.row: dict[str, Any] = {
            "lead_id": survivor.id,
            "id": merge_id,
            "duplicate_id": duplicate.id,
            "actor": book.actor,
            "recorded_at": book.now,
            "undone_at": None,
            "undone_by": None,
        }

    async def weave_ledgers(self) -> Woven:
        """Give the survivor the woven ledger, and take the duplicate's back."""
        connection, merge_id = self.book.connection, self.row["id"]
        await store.tell_beginnings(connection, [self.survivor.id, self.duplicate.id])
        strands, ledger_of, aside_of = [], {}, {}
        entered: dict[str, Any] = {}
        for entry in (self.survivor, self.duplicate):
            members = await store.members_of(connection, entry.id)
            ledger = ledger_of[entry.id] = await ledgers.read_ledger(connection, entry.id)
            aside = aside_of[entry.id] = await store.read_set_aside(connection, entry.id)
            for earlier in await store.active_merges(connection, entry.id):
                entered |= earlier["before"].get(KEPT, {})
            entered |= await read_entered(connection, entry, ledger)
            is_own = entry is self.survivor
            strands.append(
                strand_of(
                    pieces_of(entry.id, ledger, members=members, is_own=is_own),
                    pieces_aside(entry.id, aside, is_own=is_own),
                )
            )
        woven = weave(strands)
        self.before |= {
            "ledger": [row["id"] for row in ledger_of[self.survivor.id]],
            "set_aside": [row["source"] for row in aside_of[self.survivor.id]],
            KEPT: entered,
        }
        await self.book.withdraw(self.duplicate, ledger=ledger_of[self.duplicate.id], cause=merge_id)
        old, reason = ledger_of[self.survivor.id], f"merged with lead {self.duplicate.id}"
        await put_woven(self.book, self.survivor, woven, old=old, cause=merge_id, reason=reason, entered=entered)
        rows = await put_aside(self.book, self.survivor, woven.set_aside, merge_id=merge_id)
        self.set_aside = [row for row in rows if row["merge_id"] == merge_id]
        return woven

    async def join_facts(self, woven: Woven, sides: tuple[Side, Side], fields: Mapping[str, Whose]) -> list[str]:
        """Let the survivor show the better of each fact, as the two were before, and return the names of those that changed."""
        row = self.survivor.row
        rules = await rules_store.read_rules(self.book.connection, RULES) or DEFAULT_RULES
        chosen = {name_of(path_of(name)): whose for name, whose in fields.items()}
        ours, theirs = (side.facts for side in sides)
        won = with_raw(survive(*sides, rules=rules, chosen=chosen), ours, theirs)
        won |= self._source_and_money(woven, sides)
        changes = []
        for path, value in won.items():
            put(row, path, value)
            if value != ours.get(path):
                at = sides[1].times.get(path)
                changes.append({"path": list(path), "old": ours.get(path), "new": value, "at": at})
        self.before["changes"] = changes
        self.survivor.life.verdict = row["verdict"]
        return sorted({name_of(tuple(change["path"])) for change in changes})

    def _source_and_money(self, woven: Woven, sides: tuple[Side, Side]) -> dict[Path, Any]:
        """Return where the person came from first, and the amount: what the ledger says last of it, or whoever knows any."""
        found: dict[Path, Any] = {}
        ours, theirs = (side.facts for side in sides)
        if not woven.kept[0].piece.is_own:
            found["utm",] = theirs.get(("utm",))
        amount: Path = ("amount",)
        told = facts_of(self.survivor.row).get(amount)
        by_hand = amount in ours and ours[amount] != _last_amount(woven)
        found[amount] = ours[amount] if by_hand else told or ours.get(amount) or theirs.get(amount)
        return found

    async def move(self) -> tuple[dict[str, int], list[dict[str, str]]]:
        """Move what belongs to the duplicate and what it is known by; return how many rows, and the identities."""
        connection = self.book.connection
        away, towards = self.duplicate.id, self.survivor.id
        moved = await store.move_children(connection, away=away, towards=towards)
        identities = await store.move_identities(connection, away=away, towards=towards)
        self.duplicate.row |= {"merged_into": towards, "due_at": None}
        return moved, [identity._asdict() for identity in identities]

    def announce(self, changed: list[str]) -> None:
        """Tell of the merge on both leads."""
        ids = {"merge_id": self.row["id"], "survivor_id": self.survivor.id, "duplicate_id": self.duplicate.id}
        for entry, names in ((self.duplicate, []), (self.survivor, changed)):
            self.book.announce(entry, "lead.merged", {**ids, "changed": names}, at=self.book.now)


def _last_amount(woven: Woven) -> list[Any] | None:
    """Return what the survivor's own ledger said last of money."""
    pieces = [*(one.piece for one in woven.kept), *(one.piece for one in woven.set_aside)]
    told = [piece for piece in pieces if piece.is_own and piece.was_kept]
    told.sort(key=lambda piece: piece.at)
    last = next((piece.row for piece in reversed(told) if piece.row["amount"] is not None), None)
    return [money(last["amount"]), last["currency"]] if last else None


async def _sides(connection: AsyncConnection, *entries: Entry) -> tuple[Side, Side]:
    """Return the facts of two leads, and when each was last told anew, as their events show."""
    snapshots = await store.read_snapshots(connection, [entry.id for entry in entries])
    taken: dict[str, dict[Path, datetime]] = {}
    for entry in entries:
        for merge in await store.active_merges(connection, entry.id):
            taken[str(merge["id"])] = _times_of(merge["before"].get("changes", ()))
    ours, theirs = (
        Side(facts_of(entry.row), _last_told([one for one in snapshots if one["lead_id"] == entry.id], taken))
        for entry in entries
    )
    return ours, theirs


def _times_of(changes: Iterable[Mapping[str, Any]]) -> dict[Path, datetime]:
    return {tuple(change["path"]): datetime.fromisoformat(change["at"]) for change in changes if change["at"]}


def _last_told(
    snapshots: Iterable[Mapping[str, Any]], taken: Mapping[str, Mapping[Path, datetime]]
) -> dict[Path, datetime]:
    """Return when each fact was last told anew; what came by a merge was told when the other lead was told it."""
    times: dict[Path, datetime] = {}
    known: Facts = {}
    for snapshot in snapshots:
        facts = facts_told(snapshot["lead"])
        told_elsewhere = taken.get(snapshot["merge_id"] or "", {})
        for path, value in facts.items():
            if known.get(path) != value:
                times[path] = told_elsewhere.get(path, snapshot["occurred_at"])
        known = facts
    return times
