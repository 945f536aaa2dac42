"""Telling: every word on a consent becomes a record, and the newest word on each purpose is what the lead's row has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from service.core.ids import new_id
from service.leads.book import Book, Entry
from service.leads.privacy import store
from service.leads.privacy.words import Word, read_word


class Words:
    """Of which time the words are that leads have, where they do not say it themselves."""

    def __init__(self, times: dict[tuple[UUID, str], datetime]) -> None:
        self._times = times

    @classmethod
    async def known(cls, book: Book, told: Iterable[tuple[UUID, Mapping[str, Any]]]) -> Words:
        """Read them for what is told of the consents of leads in the book; nothing is read unless a word is said that differs."""
        doubtful = {
            lead_id for lead_id, consent in told if consent and _differs(book.entries.get(lead_id), consent.items())
        }
        return cls(await store.newest_words(book.connection, doubtful) if doubtful else {})

    def tell(
        self,
        book: Book,
        entry: Entry,
        consent: Mapping[str, Any],
        *,
        at: datetime,
        source: str | None,
        delivery_id: UUID | None = None,
        repeated: bool = True,
    ) -> list[str]:
        """Record words, let the newest ones be the lead's, and return ``["consent"]`` if that changed it; whoever calls announces it.

        ``at`` is when they were said unless they say it; with ``repeated``, a word that the lead has is recorded once more.
        """
        changed = False
        for purpose, said in consent.items():
            word, known = read_word(said), entry.row["consent"]
            if not repeated and purpose in known and _same(known[purpose], said):
                continue
            told_at = min(word.at or at, book.now)
            changed |= self.put(entry, purpose, said, at=told_at)
            record(book, entry, purpose, word, at=told_at, source=source, delivery_id=delivery_id)
        return ["consent"] if changed else []

    def put(self, entry: Entry, purpose: str, said: Any, *, at: datetime) -> bool:
        """Let a word be the lead's if none on its purpose is newer, and say whether that changed the lead."""
        known = entry.row["consent"]
        since = read_word(known[purpose]).at or self._times.get((entry.id, purpose)) if purpose in known else None
        if since is not None and at < since:
            return False
        self._times[entry.id, purpose] = at
        if purpose in known and _same(known[purpose], said):
            return False
        entry.row["consent"] = {**known, purpose: said}
        return True


def record_patch(book: Book, entry: Entry, before: Mapping[str, Any]) -> None:
    """Record what an amendment changed of a lead's consents; a purpose that was taken out is one on which nothing is said any more."""
    after = entry.row["consent"]
    for purpose in {**before, **after}:
        if purpose in before and purpose in after and _same(before[purpose], after[purpose]):
            continue
        word = read_word(after[purpose]) if purpose in after else Word(granted=None, evidence={"said": None})
        record(book, entry, purpose, word, at=min(word.at or book.now, book.now), source=None)


def record(
    book: Book,
    entry: Entry,
    purpose: str,
    word: Word,
    *,
    at: datetime,
    source: str | None,
    delivery_id: UUID | None = None,
) -> dict[str, Any]:
    """Add a word to the book as a record, and return it."""
    row = {
        "lead_id": entry.id,
        "id": new_id(),
        "purpose": purpose,
        "granted": word.granted,
        "basis": word.basis,
        "media": list(word.media),
        "source": word.source or source,
        "wording": word.wording,
        "evidence": dict(word.evidence),
        "actor": book.actor,
        "delivery_id": delivery_id,
        "occurred_at": at,
        "recorded_at": book.now,
        "expires_at": word.expires_at,
        "merged_from": None,
    }
    book.add_consent(row)
    return row


def _differs(entry: Entry | None, told: Iterable[tuple[str, Any]]) -> bool:
    if entry is None:
        return False
    known = entry.row["consent"]
    return any(purpose in known and not _same(known[purpose], said) for purpose, said in told)


def _same(one: Any, other: Any) -> bool:
    # To Python, true is 1.
    return type(one) is type(other) and bool(one == other)
