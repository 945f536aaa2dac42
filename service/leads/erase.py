"""Erasing a person: what identifies them goes, everywhere; what was counted stays counted.

The lead's row and those of the leads that were merged into it, their identities, touchpoints, notes, events and stored answers are cleaned
here, in one transaction; rooms above this one that hold more of the person (raw deliveries) pass in what cleans theirs. That somebody of
these addresses was erased is remembered by hash.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import erase_store, identity_store
from service.leads.book import Book, Entry
from service.leads.errors import LeadNotFound
from service.leads.identities import Identity
from service.leads.merging.erasing import forget_when_merged
from service.leads.operations import Writer
from service.leads.present import COMPANY
from service.leads.privacy import suppression_store
from service.leads.privacy.contacting import NOTHING
from service.leads.privacy.export_store import merged_into
from service.outbound.store import redact_events, redact_referrer


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was erased: the leads they were, none if they never became one, and all they were known by."""

    lead_ids: Collection[UUID]
    identities: Collection[Identity]
    # What came later is of somebody who came back.
    until: datetime | None = None


Eraser = Callable[[AsyncConnection, Erased], Awaitable[int]]
"""What another room does about somebody who was erased; returns how much it emptied."""


@dataclass(frozen=True, slots=True)
class Erasers:
    """What other rooms do about somebody who is erased: ``first`` before any lead is locked, ``then`` when the leads can still be read.

    Who processes a delivery holds it while it waits for the lead; whoever held the lead and waited for the delivery would wait for ever.
    """

    first: Sequence[Eraser] = ()
    then: Sequence[Eraser] = ()

    async def erase(self, connection: AsyncConnection, erased: Erased) -> int:
        """Do all of it for somebody who is no lead; returns how much was emptied."""
        return sum([await eraser(connection, erased) for eraser in (*self.first, *self.then)])


# What figures are grouped by stays: it says something of a company or of us, and nothing of the person.
_OF_THE_PERSON: Final[dict[str, Any]] = {
    **dict.fromkeys(("email", "phone", "full_name", "first_name", "last_name", "job_title", "referred_by")),
    **{name: {} for name in ("utm", "external_ids", "attributes", "consent", "raw")},
}
_OF_THE_COMPANY: Final = {"name": None, "domain": None}
_REDACTED: Final = _OF_THE_PERSON | {"can_contact": NOTHING}


_NOBODY_ELSE: Final = Erasers()


async def erase_lead(
    connection: AsyncConnection, lead_id: UUID, writer: Writer, *, erasers: Erasers = _NOBODY_ELSE
) -> dict[str, Any]:
    """Erase the person behind a lead and return what is left; an erased lead stays erased, and nothing happens twice."""
    book = Book(connection, now=writer.now, actor=writer.actor)
    family = [lead_id, *await merged_into(connection, lead_id)]
    known = await identity_store.identities_of_leads(connection, family)
    names = {identity.value.lower() for identity in known}
    for eraser in erasers.first:
        await eraser(connection, Erased(family, known))
    await book.take([*family, *await erase_store.referred_by(connection, family, names=names)])
    entry = book.entries.get(lead_id)
    if entry is None:
        raise LeadNotFound(f"there is no lead {lead_id}")
    if entry.row["erased_at"] is None:
        await book.refuse_gone(entry)
        writer.precondition.check(entry.row["version"])
        # While what the leads were can still be read: it says what else is to be emptied.
        for eraser in erasers.then:
            await eraser(connection, Erased(family, known))
        await _forget_who_referred(book, family, names)
        await _erase(book, [book.entries[one] for one in family if one in book.entries], known)
        await book.flush()
    return {"lead_id": lead_id, "erased_at": entry.row["erased_at"], "version": entry.row["version"]}


async def _forget_who_referred(book: Book, family: Collection[UUID], names: Collection[str]) -> None:
    """Take the erased person's address or number out of the leads that they referred, and out of these leads' events."""
    for entry in book.entries.values():
        if entry.id not in family and (entry.row["referred_by"] or "").strip().lower() in names:
            await redact_referrer(book.connection, entry.id, names=names)
            await erase_store.forget_answers(book.connection, [entry.id])
            entry.row["referred_by"] = None
            book.announce(entry, "lead.updated", {"changed": ["referred_by"]}, at=book.now)


async def _erase(book: Book, entries: Sequence[Entry], known: Collection[Identity]) -> None:
    await suppression_store.add_identities(book.connection, sorted(known), actor=book.actor, now=book.now)
    await erase_store.erase(book.connection, [entry.id for entry in entries])
    redacted = _REDACTED
    erased = [entry.id for entry in entries]
    await forget_when_merged(book.connection, erased, redacted=redacted, company=_OF_THE_COMPANY)
    for entry in entries:
        await blank(book, entry, {})


async def blank(book: Book, entry: Entry, why: Mapping[str, Any]) -> None:
    """Take the person out of a lead's row and events, and announce it."""
    await redact_events(book.connection, entry.id, redacted=_REDACTED, company=_OF_THE_COMPANY)
    entry.row |= _OF_THE_PERSON | {COMPANY[name]: value for name, value in _OF_THE_COMPANY.items()}
    entry.row |= {"erased_at": book.now, "due_at": None}
    book.announce(entry, "lead.erased", why, at=book.now)
