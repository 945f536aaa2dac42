"""Taking back what an import did, while nothing has built on it: leads that it made go, those that it changed are as they were.

A lead that goes leaves a tombstone: its id answers 410, its ledger is superseded, its share of the statistics is taken back, and what
it said of a person is erased. Nobody is held back by that, unlike by an erasure: the corrected file may bring them again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from service.core.ids import new_id
from service.leads import building_store, erase_store, identity_store, store
from service.leads.book import Book, Entry
from service.leads.erase import blank
from service.leads.filling import FILLED
from service.leads.identities import identities_of
from service.leads.present import COMPANY
from service.lifecycle.ledger import replay, step_of
from service.outbound.store import read_snapshots

_RESTORED: Final = ("external_ids", "consent", "tags", "attributes", "verdict", "verdict_reasons", "test")


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a lead: which version it had before (0: none), and which it has if nothing was built on it."""

    lead_id: UUID
    before: int
    after: int


async def take_back(book: Book, changes: Sequence[Change], *, why: Mapping[str, Any]) -> list[UUID]:
    """Take changes of leads back, in a book that the caller flushes; returns those that something was built on, which stay as they are.

    ``why`` goes into the events.
    """
    await book.take([change.lead_id for change in changes])
    past = {one.lead_id: one.after for one in changes if book.entries[one.lead_id].row["version"] != one.after}
    moved_on = await building_store.built_on(book.connection, past)
    built_on = []
    made: list[tuple[Entry, Change]] = []
    changed: list[tuple[Entry, Change]] = []
    for change in changes:
        entry = book.entries[change.lead_id]
        if entry.id in moved_on or entry.row["erased_at"] or entry.row["merged_into"]:
            built_on.append(change.lead_id)
        else:
            (made if change.before == 0 else changed).append((entry, change))
    await _withdraw(book, [entry for entry, _ in made], why)
    await _restore(book, changed, why)
    return built_on


async def _withdraw(book: Book, entries: Sequence[Entry], why: Mapping[str, Any]) -> None:
    if not entries:
        return
    for entry in entries:
        ledger = await store.read_ledger(book.connection, entry.id)
        await book.withdraw(entry, ledger=ledger, cause=new_id())
    await erase_store.erase(book.connection, [entry.id for entry in entries])
    for entry in entries:
        await blank(book, entry, why)


async def _restore(book: Book, changed: Sequence[tuple[Entry, Change]], why: Mapping[str, Any]) -> None:
    if not changed:
        return
    wanted = {change.lead_id: change.before for _, change in changed}
    snapshots = await read_snapshots(book.connection, wanted)
    for entry, change in changed:
        await _take_back_moves(book, entry)
        snapshot = snapshots[change.lead_id]
        was = {name: snapshot[name] for name in (*FILLED, *_RESTORED) if name in snapshot}
        was |= {column: snapshot["company"][name] for name, column in COMPANY.items()}
        names = [name for name, value in was.items() if entry.row[name] != value]
        gone = set(_identities(entry.row)) - set(_identities(was))
        await identity_store.release_identities(book.connection, entry.id, sorted(gone))
        entry.row |= was
        entry.life.verdict = entry.row["verdict"]
        book.announce(entry, "lead.updated", {"changed": names or ["stage"], **why}, at=book.now)


def _identities(row: Mapping[str, Any]) -> Collection[Any]:
    return identities_of(email=row["email"], phone=row["phone"], external_ids=row["external_ids"])


async def _take_back_moves(book: Book, entry: Entry) -> None:
    """Take what the writer of the book has added to a ledger off its end."""
    old = await store.read_ledger(book.connection, entry.id)
    kept = [row for row in old if row["actor"] != book.actor]
    if len(kept) == len(old) or kept != old[: len(kept)]:
        return
    new = replay([*map(step_of, kept)], now=book.now)
    await book.correct(entry, old=old, new=new, from_sequence=len(kept) + 1, reason="import reverted")
