"""At once: what most requests ask for, a lead nobody knew or the move of one lead, in one statement that is its own transaction.

It is tried without any lock: the new lead as if nobody had its identities, the move on the lead as it was read. If that turns out to be
wrong nothing was written, and the request goes the way that locks first. Begin, commit and the claim are round trips that this saves.
See docs/decisions/2026-11-22-one-statement-for-most.md.
"""

from __future__ import annotations

from uuid import UUID

from service.cleaning.submission import Cleaned
from service.core.ids import new_id
from service.leads import at_once_store, store
from service.leads.book import Book, Entry
from service.leads.carrying_out import TakenIn, carry_out
from service.leads.errors import LeadNotFound
from service.leads.privacy.telling import Words
from service.leads.settling import plan_for
from service.leads.versions import Versions


async def take_in_new(book: Book, cleaned: Cleaned) -> TakenIn | None:
    """Create a lead of somebody whom nobody knows; None if that is not so: then nothing was written, and the book is worth nothing."""
    plan, lead_id = plan_for(cleaned), new_id()
    plan.lead_id, plan.is_new = lead_id, True
    taken = carry_out(book, plan, Versions({}), Words({}), via="api")
    if taken.error is not None:
        return None
    is_written = await at_once_store.write_new(
        book.connection, book.gathered(), plan.identities, lead_id=lead_id, now=book.now
    )
    return taken if is_written else None


async def read_one(book: Book, lead_id: UUID) -> Entry:
    """Take a lead into the book as it is at the moment, not locked; raises as `Book.take_one`."""
    found = await store.read_lead_and_journey(book.connection, lead_id)
    if found is None:
        raise LeadNotFound(f"there is no lead {lead_id}")
    entry = book.open(*found)
    await book.refuse_gone(entry)
    return entry


async def write_unless_changed(book: Book) -> bool:
    """Write what the book has done to its one lead; False, and nothing is written, if somebody else has changed it since it was read."""
    (entry,) = book.entries.values()
    return await at_once_store.write_unless_changed(book.connection, book.gathered(), version=entry.version_before)
