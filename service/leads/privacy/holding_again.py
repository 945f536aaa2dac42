"""Holding again: what is held against leads whose identities, or whose suppressions, are not what they were."""

from __future__ import annotations

from collections.abc import Collection

from service.leads.book import Book, Entry
from service.leads.privacy import suppression_store
from service.leads.privacy.holding import scopes_of


async def hold_again(book: Book, entries: Collection[Entry]) -> list[Entry]:
    """Look up what is held against leads by all they are known by now, and return those for which that changed; nothing is announced."""
    ids = [entry.id for entry in entries]
    held = await suppression_store.held_leads(book.connection, ids) if ids else {}
    changed = []
    for entry in entries:
        suppressed = scopes_of(held.get(entry.id, ())) or None
        if suppressed != entry.row["suppressed"]:
            entry.row["suppressed"] = suppressed
            changed.append(entry)
    return changed
