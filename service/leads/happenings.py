"""What others tell us of a lead: it did something, it gave or took back a consent, it must be forgotten.

The lead is found by its identities; somebody we do not know is not made a lead by having opened an e-mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning import normalise
from service.cleaning.submission import Submission
from service.leads import identity_store
from service.leads.book import Book, Entry
from service.leads.identities import Identity, identities_of
from service.leads.privacy.telling import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened to somebody: an activity (``kind``), or a consent to ``purpose`` that was ``granted`` or taken back.

    Of an activity ``key`` is the teller's own id; a ``rating`` has ``value``, ``worst`` and ``best``.
    Phone numbers in national notation are read as those of ``default_region`` (alpha-2).
    """

    person: Mapping[str, Any]
    kind: str
    channel: str | None = None
    occurred_at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    delivery_id: UUID | None = None
    default_region: str | None = None
    purpose: str | None = None
    granted: bool = False
    key: str | None = None
    rating: Mapping[str, float] | None = None


async def note(book: Book, happenings: Sequence[Happening]) -> list[UUID | None]:
    """Write happenings into the book; returns the lead of each, or None for somebody we do not know. The caller flushes."""
    wanted = [identities_told(happening.person, happening.default_region) for happening in happenings]
    every = {identity for identities in wanted for identity in identities}
    owned = await identity_store.owners(book.connection, every) if every else {}
    found = [next((owned[identity] for identity in identities if identity in owned), None) for identities in wanted]
    await book.take({lead_id for lead_id in found if lead_id is not None})
    words = await Words.known(
        book, [(lead_id, _word(one, book)) for one, lead_id in zip(happenings, found, strict=True) if lead_id]
    )
    return [
        _note_one(book, happening, book.entries.get(lead_id) if lead_id else None, words)
        for happening, lead_id in zip(happenings, found, strict=True)
    ]


async def find(
    connection: AsyncConnection, person: Mapping[str, Any], default_region: str | None = None
) -> UUID | None:
    """Return the lead that a person is, or None."""
    identities = identities_told(person, default_region)
    owned = await identity_store.owners(connection, identities) if identities else {}
    return next((owned[identity] for identity in identities if identity in owned), None)


def identities_told(person: Mapping[str, Any], default_region: str | None = None) -> list[Identity]:
    """Return by what a person can be known, of what somebody tells of them."""
    known = {name: person[name] for name in ("email", "phone", "country", "external_ids") if person.get(name)}
    one = normalise(Submission(**known), default_region).submission
    return identities_of(email=one.email, phone=one.phone, external_ids=one.external_ids)


def _note_one(book: Book, happening: Happening, entry: Entry | None, words: Words) -> UUID | None:
    if entry is None or entry.row["erased_at"] is not None or entry.row["merged_into"] is not None:
        return None
    if happening.purpose is not None:
        _note_consent(book, entry, happening, words)
    else:
        note_activity(book, entry, happening)
    return entry.id


def note_activity(book: Book, entry: Entry, happening: Happening) -> dict[str, Any]:
    """Write down what a lead did, and return it as the API shows it; a time that has not come yet is now."""
    at = _when(happening, book)
    activity = book.add_activity(
        entry,
        {
            "kind": happening.kind,
            "channel": happening.channel,
            "data": dict(happening.data),
            "delivery_id": happening.delivery_id,
            "occurred_at": at,
            "key": happening.key,
            **rating_columns(happening.rating),
        },
    )
    book.announce(entry, "lead.updated", {"changed": ["activities"], "activity": activity}, at=at)
    return activity


def rating_columns(rating: Mapping[str, float] | None) -> dict[str, Decimal | None]:
    """Return a rating (``value``, ``worst``, ``best``) as an activity's columns have it."""
    return {
        column: None if rating is None else Decimal(repr(rating[name]))
        for column, name in (("rating", "value"), ("rating_worst", "worst"), ("rating_best", "best"))
    }


def _note_consent(book: Book, entry: Entry, happening: Happening, words: Words) -> None:
    """Record a word, and keep the newest one on each purpose; an older one that comes late changes nothing."""
    at, told = _when(happening, book), _word(happening, book)
    changed = words.tell(
        book,
        entry,
        told,
        at=at,
        source=happening.channel,
        delivery_id=happening.delivery_id,
        repeated=False,
    )
    if changed:
        book.announce(entry, "lead.updated", {"changed": changed}, at=at)


def _word(happening: Happening, book: Book) -> dict[str, Any]:
    """Return what a happening says of a consent as a lead's row has it, or nothing."""
    if happening.purpose is None:
        return {}
    since = _when(happening, book).isoformat().replace("+00:00", "Z")
    return {happening.purpose: {"granted": happening.granted, "at": since, "source": happening.channel}}


def _when(happening: Happening, book: Book) -> datetime:
    return min(happening.occurred_at or book.now, book.now)
