"""Undoing a merge: the duplicate is again what it was, and the survivor what it would be had it never been merged.

What was recorded of the survivor since stays with it, as far as it is legal without the duplicate; merges can be undone in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import new_id
from service.leads import store as ledgers
from service.leads.book import Book, Entry
from service.leads.errors import LeadErased
from service.leads.identities import Identity, identities_of
from service.leads.identity_store import identities_owned
from service.leads.merging import store
from service.leads.merging.entering import KEPT, Entered, read_entered
from service.leads.merging.errors import CannotUndo, MergeNotFound
from service.leads.merging.facts import facts_of, put
from service.leads.merging.present import merge_out
from service.leads.merging.strands import demoted, pieces_aside, pieces_of, put_aside, put_woven, source_of, strand_of
from service.leads.operations import Writer
from service.leads.present import lead_out
from service.leads.privacy.holding_again import hold_again
from service.lifecycle.weaving import Kept, Piece, Woven, weave


async def undo_merge(connection: AsyncConnection, merge_id: UUID, writer: Writer) -> dict[str, Any]:
    """Undo a merge, in the caller's transaction, and return it with both leads, as the API shows them.

    Raises `MergeNotFound`, `LeadErased` when the person was erased since, and `CannotUndo` when it was undone already, when the survivor
    was itself merged into another lead (that merge is to be undone first), or when a correction rewrote what the merge had woven in.
    """
    merge = await _found(connection, merge_id)
    book = Book(connection, now=writer.now, actor=writer.actor)
    await book.take([merge["lead_id"], merge["duplicate_id"]])
    survivor, duplicate = book.entries[merge["lead_id"]], book.entries[merge["duplicate_id"]]
    merge = await _found(connection, merge_id)
    _refuse(merge, survivor)
    writer.precondition.check(survivor.row["version"])
    undo = _Undo(book, survivor, duplicate, merge)
    await store.tell_beginnings(connection, [survivor.id])
    undo.put_facts_back()
    await undo.pass_on()
    await undo.divide_ledgers()
    await undo.move_back()
    if survivor.row["suppressed"]:
        await hold_again(book, [survivor, duplicate])
    undo.announce()
    await book.flush()
    await store.number_journeys(connection, survivor.id)
    await store.mark_undone(connection, merge, actor=book.actor, now=book.now)
    shown = merge | {"undone_at": book.now, "undone_by": book.actor, "before": {}}
    return merge_out(shown, ()) | {"lead": lead_out(survivor.row), "duplicate": lead_out(duplicate.row)}


async def _found(connection: AsyncConnection, merge_id: UUID) -> dict[str, Any]:
    merge = await store.read_merge(connection, merge_id)
    if merge is None:
        raise MergeNotFound(f"there is no merge {merge_id}")
    return merge


def _refuse(merge: Mapping[str, Any], survivor: Entry) -> None:
    if merge["undone_at"] is not None:
        raise CannotUndo("the merge was undone already", code="already_undone")
    if survivor.row["erased_at"] is not None:
        raise LeadErased(f"lead {survivor.id} was erased with all that was merged into it")
    if (further := survivor.row["merged_into"]) is not None:
        detail = f"lead {survivor.id} was itself merged into {further}: undo that first"
        raise CannotUndo(detail, code="merged_further", lead_id=str(further))


class _Undo:
    """An undo under way: the two leads, and what the merge remembered."""

    def __init__(self, book: Book, survivor: Entry, duplicate: Entry, merge: Mapping[str, Any]) -> None:
        self.book = book
        self.survivor = survivor
        self.duplicate = duplicate
        self.merge = merge
        self.id = new_id()
        self.reason = f"the merge of lead {duplicate.id} into {survivor.id} was undone"

    def put_facts_back(self) -> None:
        """Let the survivor show again what it showed, but for what was said since."""
        now = facts_of(self.survivor.row)
        for change in self.merge["before"]["changes"]:
            path = tuple(change["path"])
            if now.get(path) == change["new"]:
                put(self.survivor.row, path, change["old"])
        self.survivor.life.verdict = self.survivor.row["verdict"]

    async def divide_ledgers(self) -> None:
        """Give the duplicate its ledger back, and the survivor what is left without it."""
        connection, merge_id = self.book.connection, self.merge["id"]
        theirs = await store.read_withdrawn(connection, self.duplicate.id, merge_id)
        gone = await store.members_of(connection, self.duplicate.id)
        ledger = await ledgers.read_ledger(connection, self.survivor.id)
        aside = await store.read_set_aside(connection, self.survivor.id)
        self._refuse_corrected(theirs, [*map(source_of, ledger), *(row["source"] for row in aside)])
        members = await store.members_of(connection, self.survivor.id) - gone
        woven, untouched = await self._without(gone, members, ledger, aside)
        entered = await self._entered(ledger)
        await put_woven(self.book, self.survivor, woven, old=ledger, cause=self.id, reason=self.reason, entered=entered)
        aside = await put_aside(self.book, self.survivor, woven.set_aside, untouched=untouched, merge_id=self.id)
        waiting = {source: entered[source] for row in aside if (source := str(row["source"])) in entered}
        await self._keep_entered(waiting, {str(source_of(row)) for row in theirs})
        await self._restore(theirs)

    async def _entered(self, ledger: Sequence[Mapping[str, Any]]) -> Entered:
        """Return as what journeys were entered: those the survivor has, and those that its merges took away."""
        connection = self.book.connection
        merges = [self.merge, *await store.active_merges(connection, self.survivor.id)]
        lost = {source: kept for one in merges for source, kept in one["before"].get(KEPT, {}).items()}
        return lost | dict(await read_entered(connection, self.survivor, ledger))

    async def _keep_entered(self, waiting: Entered, gone: Collection[str]) -> None:
        """Let the merges that stay know as what journeys were entered that are still set aside, and nothing more of those that go."""
        for other in await store.active_merges(self.book.connection, self.survivor.id):
            before = other["before"]
            if other["id"] != self.merge["id"] and KEPT in before:
                known = {**waiting, **before[KEPT]}
                before[KEPT] = {source: entered for source, entered in known.items() if source not in gone}
                await store.keep_before(self.book.connection, other, before)

    def _refuse_corrected(self, theirs: Sequence[Mapping[str, Any]], held: Sequence[UUID]) -> None:
        lost = {source_of(row) for row in theirs} - set(held)
        if lost:
            detail = "a correction replaced transitions that the merge had brought; the ledger can no longer be divided"
            raise CannotUndo(detail, code="corrected_since", transitions=sorted(map(str, lost)))

    async def _without(
        self,
        gone: frozenset[UUID],
        members: frozenset[UUID],
        ledger: Sequence[Mapping[str, Any]],
        aside: Sequence[Mapping[str, Any]],
    ) -> tuple[Woven, list[Mapping[str, Any]]]:
        """Weave the survivor's ledger anew without the steps that other leads brought who go now.

        What it was before the merge, and what came since, comes first. What had no place before has none now, unless what took it is gone.
        """
        own = self.survivor.id
        before = await store.read_rows(self.book.connection, own, self.merge["before"]["ledger"])
        aside_before = {UUID(source) for source in self.merge["before"]["set_aside"]}
        there = [piece for piece in pieces_of(own, ledger, members=members) if piece.origin not in gone]
        waiting = [piece for piece in pieces_aside(own, aside) if piece.origin not in gone]
        held = {piece.source for piece in (*there, *waiting)}
        first = [piece for piece in pieces_of(own, before, members=members) if piece.source in held]
        known = {piece.source for piece in first}
        holding = await store.active_among(self.book.connection, members | {own}) - {self.merge["id"]}
        stays = {piece.source for piece in waiting if piece.row["merge_id"] in holding} & aside_before - known
        there = [piece for piece in there if piece.source not in known]
        strand = strand_of(
            first,
            [piece for piece in there if piece.source not in aside_before],
            demoted(piece for piece in there if piece.source in aside_before),
            [piece for piece in waiting if piece.source not in known | stays],
        )
        untouched = [piece.row for piece in waiting if piece.source in stays]
        return weave([strand]), untouched

    async def _restore(self, theirs: Sequence[Mapping[str, Any]]) -> None:
        """Let the duplicate's ledger be what it was: the same steps, recorded anew."""
        row = self.duplicate.row
        shown = {name: row[name] for name in ("amount", "currency")}
        row["merged_into"] = None
        pieces: list[Piece] = list(pieces_of(self.duplicate.id, theirs, members=[self.duplicate.id]))
        whole = Woven([Kept(piece, piece.step) for piece in pieces])
        await put_woven(self.book, self.duplicate, whole, old=[], cause=self.id, reason=self.reason)
        row |= shown

    async def move_back(self) -> None:
        """Return what came from the duplicate, and what it is known by, unless the survivor shows that or has it no more."""
        connection, away, towards = self.book.connection, self.survivor.id, self.duplicate.id
        await store.return_children(connection, away=away, towards=towards)
        brought = {Identity(**identity) for identity in self.merge["before"]["identities"]}
        shown = set(_shown_by(self.survivor))
        await store.return_identities(connection, brought - shown, away=away, towards=towards)
        for entry in (self.survivor, self.duplicate):
            owned = {Identity(one["kind"], one["value"]) for one in await identities_owned(connection, entry.id)}
            for identity in set(_shown_by(entry)) - owned:
                path = ("external_ids", identity.system) if identity.system else (identity.kind,)
                put(entry.row, path, None)

    async def pass_on(self) -> None:
        """Let later merges stand on what there was before this one: they fill what is blank now, and go back no further."""
        ours = {tuple(change["path"]): change for change in self.merge["before"]["changes"]}
        for later in await store.active_merges(self.book.connection, self.survivor.id):
            if (later["recorded_at"], later["id"]) <= (self.merge["recorded_at"], self.merge["id"]):
                continue
            changes = later["before"]["changes"]
            changes += await self._fill_blanks(later, ours)
            for change in changes:
                mine = ours.get(tuple(change["path"]))
                if mine is not None and change["old"] == mine["new"]:
                    change["old"] = mine["old"]
            await store.keep_before(self.book.connection, later, later["before"])

    async def _fill_blanks(
        self, later: Mapping[str, Any], ours: Mapping[tuple[str, ...], Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Show what the duplicate of a later merge says where this merge's duplicate alone had filled a blank."""
        row = await ledgers.read_lead(self.book.connection, later["duplicate_id"])
        known, told = facts_of(self.survivor.row), facts_of(row) if row else {}
        filled = []
        for path, change in ours.items():
            if change["old"] is None and path not in known and path in told:
                put(self.survivor.row, path, told[path])
                filled.append({"path": list(path), "old": None, "new": told[path], "at": None})
        return filled

    def announce(self) -> None:
        """Tell of it on both leads."""
        ids = {"merge_id": self.merge["id"], "survivor_id": self.survivor.id, "duplicate_id": self.duplicate.id}
        for entry in (self.duplicate, self.survivor):
            self.book.announce(entry, "lead.unmerged", ids, at=self.book.now)


def _shown_by(entry: Entry) -> list[Identity]:
    row = entry.row
    return identities_of(email=row["email"], phone=row["phone"], external_ids=row["external_ids"])
