"""Strands: stored ledgers as pieces to weave, and what was woven as rows to store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from service.leads.book import Book, Entry
from service.leads.merging import store
from service.leads.merging.entering import Entered, enter_woven
from service.lifecycle.ledger import Replayed, Transition, replay, step_of
from service.lifecycle.machine import STARTS_JOURNEY, Event
from service.lifecycle.weaving import Piece, SetAside, Woven

Row = Mapping[str, Any]

_SAME: Final = ("from_stage", "to_stage", "journey")
_STEP: Final = ("event", "reason", "category", "note", "amount", "currency", "occurred_at")


def source_of(row: Row) -> UUID:
    """Return what knows a step again however often it is written anew: the row that first recorded it."""
    source: UUID = row["source"] or row["id"]
    return source


def pieces_of(
    lead_id: UUID, ledger: Iterable[Row], *, members: Collection[UUID], is_own: bool = True
) -> Iterator[Piece]:
    """Yield the pieces of a ledger, in its order; ``members`` are the leads that it was recorded of."""
    channel = campaign = None
    for row in ledger:
        if Event(row["event"]) in STARTS_JOURNEY:
            channel, campaign = row["channel"], row["campaign"]
        yield Piece(
            step=step_of(row),
            source=source_of(row),
            origin=row["origin"] or lead_id,
            among=frozenset(members),
            from_stage=row["from_stage"],
            channel=channel,
            campaign=campaign,
            is_own=is_own,
            row=row,
        )


def pieces_aside(lead_id: UUID, rows: Iterable[Row], *, is_own: bool = True) -> Iterator[Piece]:
    """Yield the pieces that were set aside before."""
    for row in rows:
        yield Piece(
            step=step_of(row),
            source=row["source"],
            origin=row["origin"] or lead_id,
            among=frozenset(row["among"]),
            from_stage=row["from_stage"],
            channel=row["channel"],
            campaign=row["campaign"],
            is_own=is_own,
            was_kept=False,
            row=row,
        )


def strand_of(ordered: Iterable[Piece], *later: Iterable[Piece]) -> list[Piece]:
    """Return pieces in order, and others among them, each after all of its time but before what its own lead recorded later."""
    strand = list(ordered)
    for pieces in later:
        for piece in pieces:
            strand.insert(_place_of(piece, strand), piece)
    return strand


def _place_of(piece: Piece, strand: Sequence[Piece]) -> int:
    place = 0
    for index, other in enumerate(strand):
        if other.at > piece.at:
            break
        if other.at == piece.at and other.origin == piece.origin and other.source > piece.source:
            return index
        place = index + 1
    return place


def replayed_of(woven: Woven, *, now: datetime, verdict: str) -> Replayed:
    """Return what a woven ledger comes to; the life that goes on has this verdict."""
    times = [kept.piece.at for kept in woven.kept]
    replayed = replay([kept.step for kept in woven.kept], now=max([now, *times]))
    replayed.life.verdict = verdict
    return replayed


def first_difference(old: Sequence[Row], woven: Woven, new: Replayed) -> int:
    """Return the sequence number from which a woven ledger is not the stored one; one after the end if it is the same."""
    same = 0
    for row, kept, transition in zip(old, woven.kept, new.transitions, strict=False):
        if source_of(row) != kept.piece.source or not _is_same(row, transition):
            break
        same += 1
    return same + 1


def _is_same(row: Row, transition: Transition) -> bool:
    source = (transition.step.channel, transition.step.campaign) if transition.event in STARTS_JOURNEY else (None, None)
    return (
        row["event"] == transition.event
        and tuple(row["skipped"]) == transition.skipped
        and (row["channel"], row["campaign"]) == source
        and all(row[name] == getattr(transition, name) for name in _SAME)
    )


async def put_woven(
    book: Book,
    entry: Entry,
    woven: Woven,
    *,
    old: Sequence[Row],
    cause: UUID,
    reason: str,
    entered: Entered | None = None,
) -> None:
    """Let a lead's ledger be the woven one, from where it differs from the ``old`` one; ``entered`` if its journeys may begin otherwise."""
    new = replayed_of(woven, now=book.now, verdict=entry.row["verdict"])
    begins = first_difference(old, woven, new)
    if begins <= max(len(old), len(new.transitions)):
        borrowed = [borrowed_by(entry.id, kept.piece) for kept in woven.kept]
        await book.correct(entry, old=old, new=new, from_sequence=begins, reason=reason, cause=cause, borrowed=borrowed)
        if entered is not None:
            enter_woven(entry, woven, new, entered)


def borrowed_by(lead_id: UUID, piece: Piece) -> dict[str, Any]:
    """Return the columns of a woven row that stay those of the step's first recording."""
    origin = None if piece.origin == lead_id else piece.origin
    return {"actor": piece.row["actor"], "origin": origin, "source": piece.source}


async def put_aside(
    book: Book, entry: Entry, set_aside: Iterable[SetAside], *, untouched: Iterable[Row] = (), merge_id: UUID
) -> list[dict[str, Any]]:
    """Let the steps that a lead's ledger has no place for be these and the ``untouched`` ones, and return them by time."""
    rows = [dict(row) for row in untouched]
    rows += [_aside_row(book, entry.id, one, merge_id) for one in set_aside]
    rows.sort(key=lambda row: (row["occurred_at"], row["source"]))
    await store.write_set_aside(book.connection, entry.id, rows)
    return rows


def _aside_row(book: Book, lead_id: UUID, one: SetAside, merge_id: UUID) -> dict[str, Any]:
    piece = one.piece
    row = {name: piece.row[name] for name in (*_STEP, "sequence", "from_stage", "to_stage", "actor")}
    # What was aside before stays what it was, since when it was.
    since = piece.row if "merge_id" in piece.row else {"merge_id": merge_id, "recorded_at": book.now}
    return row | {
        "lead_id": lead_id,
        "source": piece.source,
        "origin": None if piece.origin == lead_id else piece.origin,
        "among": sorted(piece.among),
        "merge_id": since["merge_id"],
        "channel": piece.channel,
        "campaign": piece.campaign,
        "recorded_at": since["recorded_at"],
        "why": one.why,
        "stage": one.stage,
    }


def demoted(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield pieces as ones that must not push out any other."""
    return (replace(piece, was_kept=False) for piece in pieces)
