"""Owning: whether identities still belong to a lead now that it is locked."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from service.core.errors import Unavailable
from service.leads import identity_store
from service.leads.book import Book
from service.leads.identities import Identity, identities_of


async def insist_on_ownership(book: Book, claimed: Mapping[Identity, UUID]) -> None:
    """Raise `Unavailable` if a lead in the book let go of an identity between our look at it and our lock; from now on it cannot.

    What a lead's own row shows is its own; the database is asked only for the others. Leads that are not in the book are passed over.
    """
    doubtful = {}
    for identity, lead_id in claimed.items():
        entry = book.entries.get(lead_id)
        if entry is not None and identity not in shown(entry.row):
            doubtful[identity] = lead_id
    if doubtful:
        owned = await identity_store.owners(book.connection, doubtful.keys())
        if any(owned.get(identity) != lead_id for identity, lead_id in doubtful.items()):
            raise Unavailable(
                "the lead was changed by somebody else at this very moment; nothing was changed, try again"
            )


def shown(row: Mapping[str, object]) -> list[Identity]:
    """Return the identities that a lead's own row shows."""
    return identities_of(email=row["email"], phone=row["phone"], external_ids=row["external_ids"])  # type: ignore[arg-type]  # a row's columns
