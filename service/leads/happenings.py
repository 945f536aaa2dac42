"""What others tell us of a lead: it did something, it gave or took back a consent, it must be forgotten.

The lead is found by its identities; somebody we do not know is not made a lead by having opened an e-mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning import normalise
from service.cleaning.submission import Submission
from service.leads import identity_store
from service.leads.book import Book, Entry
from service.leads.identities import Identity, identities_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened to somebody: an activity (``kind``), or a consent to ``purpose`` that was ``granted`` or taken back.

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


async def note(book: Book, happenings: Sequence[Happening]) -> list[UUID | None]:
    """Write happenings into the book; returns the lead of each, or None for somebody we do not know. The caller flushes."""
    wanted = [identities_told(happening.person, happening.default_region) for happening in happenings]
    every = {identity for identities in wanted for identity in identities}
    owned = await identity_store.owners(book.connection, every) if every else {}
    found = [next((owned[identity] for identity in identities if identity in owned), None) for identities in wanted]
    await book.take({lead_id for lead_id in found if lead_id is not None})
    return [
        _note_one(book, happening, book.entries.get(lead_id) if lead_id else None)
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


def _note_one(book: Book, happening: Happening, entry: Entry | None) -> UUID | None:
    if entry is None or entry.row["erased_at"] is not None or entry.row["merged_into"] is not None:
        return None
    at = min(happening.occurred_at or book.now, book.now)
    if happening.purpose is not None:
        _note_consent(book, entry, happening, at)
    else:
        activity = book.add_activity(
            entry,
            {
                "kind": happening.kind,
                "channel": happening.channel,
                "data": dict(happening.data),
                "delivery_id": happening.delivery_id,
                "occurred_at": at,
            },
        )
        book.announce(entry, "lead.updated", {"changed": ["activities"], "activity": activity}, at=at)
    return entry.id


def _note_consent(book: Book, entry: Entry, happening: Happening, at: datetime) -> None:
    """Keep the newest word on each purpose; an older one that comes late changes nothing."""
    consent = entry.row["consent"]
    known = consent.get(happening.purpose)
    since = at.isoformat().replace("+00:00", "Z")
    told = {"granted": happening.granted, "at": since, "source": happening.channel}
    if isinstance(known, Mapping) and (str(known.get("at", "")) > since or known == told):
        return
    entry.row["consent"] = {**consent, happening.purpose: told}
    book.announce(entry, "lead.updated", {"changed": ["consent"]}, at=at)
