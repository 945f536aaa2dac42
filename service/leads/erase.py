"""Erasing a person: what identifies them goes, everywhere; what was counted stays counted.

The lead's row, its identities, touchpoints, notes, events and stored answers are cleaned here, in one transaction; rooms above this one
that hold more of the person (raw deliveries) pass in what cleans theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import erase_store, identity_store
from service.leads.book import Book, Entry
from service.leads.errors import LeadNotFound
from service.leads.operations import Writer
from service.leads.present import COMPANY
from service.leads.privacy import suppression_store
from service.leads.privacy.contacting import NOTHING
from service.outbound.store import redact_events, redact_referrer

Eraser = Callable[[AsyncConnection, UUID], Awaitable[None]]

# What figures are grouped by stays: it says something of a company or of us, and nothing of the person.
_OF_THE_PERSON: Final[dict[str, Any]] = {
    **dict.fromkeys(("email", "phone", "full_name", "first_name", "last_name", "job_title", "referred_by")),
    **{name: {} for name in ("utm", "external_ids", "attributes", "consent", "raw")},
}
_OF_THE_COMPANY: Final = {"name": None, "domain": None}


async def erase_lead(
    connection: AsyncConnection, lead_id: UUID, writer: Writer, *, also: Sequence[Eraser] = ()
) -> dict[str, Any]:
    """Erase the person behind a lead and return what is left; an erased lead stays erased, and nothing happens twice."""
    book = Book(connection, now=writer.now, actor=writer.actor)
    names = {row["value"].lower() for row in await identity_store.identities_owned(connection, lead_id)}
    await book.take([lead_id, *await erase_store.referred_by(connection, lead_id, names=names)])
    entry = book.entries.get(lead_id)
    if entry is None:
        raise LeadNotFound(f"there is no lead {lead_id}")
    if entry.row["erased_at"] is None:
        await book.refuse_gone(entry)
        writer.precondition.check(entry.row["version"])
        await _forget_who_referred(book, entry, names)
        await _erase(book, entry, writer.now, also)
    return {"lead_id": lead_id, "erased_at": entry.row["erased_at"], "version": entry.row["version"]}


async def _forget_who_referred(book: Book, erased: Entry, names: Collection[str]) -> None:
    """Take the erased person's address or number out of the leads that they referred, and out of these leads' events."""
    for entry in book.entries.values():
        if entry is not erased and (entry.row["referred_by"] or "").strip().lower() in names:
            await redact_referrer(book.connection, entry.id, names=names)
            await erase_store.forget_answers(book.connection, entry.id)
            entry.row["referred_by"] = None
            book.announce(entry, "lead.updated", {"changed": ["referred_by"]}, at=book.now)


async def _erase(book: Book, entry: Entry, now: datetime, also: Sequence[Eraser]) -> None:
    await suppression_store.add_those_of(book.connection, [entry.id], actor=book.actor, now=now)
    await erase_store.erase(book.connection, entry.id)
    for eraser in also:
        await eraser(book.connection, entry.id)
    await redact_events(
        book.connection, entry.id, redacted=_OF_THE_PERSON | {"can_contact": NOTHING}, company=_OF_THE_COMPANY
    )
    entry.row |= _OF_THE_PERSON | {COMPANY[name]: value for name, value in _OF_THE_COMPANY.items()} | {"erased_at": now}
    book.announce(entry, "lead.erased", {}, at=now)
    await book.flush()
