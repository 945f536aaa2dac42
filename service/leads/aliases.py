"""What a lead is known by: the identities that its row shows, and the aliases that it was once known by or came with a match."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict, NotFound
from service.leads import identity_store
from service.leads.book import Book
from service.leads.identities import Identity
from service.leads.operations import Writer
from service.leads.owning import shown
from service.leads.present import lead_out
from service.leads.reading import find_lead


async def read_identities(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return all a lead is known by: ``kind, value, shown, created_at``; what is not shown is an alias, and matches all the same."""
    lead = await find_lead(connection, lead_id)
    visible = shown(lead)
    found = [
        {**row, "shown": Identity(row["kind"], row["value"]) in visible}
        for row in await identity_store.identities_owned(connection, lead_id)
    ]
    return {"data": found, "next_cursor": None}


async def release_alias(connection: AsyncConnection, lead_id: UUID, alias: Identity, writer: Writer) -> dict[str, Any]:
    """Let go of an alias, which is free for other leads then, and return the lead.

    Raises `NotFound` if the lead is not known by it, and `Conflict` if the lead's row shows it.
    """
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    if (await identity_store.owners(connection, [alias])).get(alias) != lead_id:
        raise NotFound("the lead is not known by this", code="identity_not_found")
    if alias in shown(entry.row):
        raise Conflict(f"{alias.pointer} of the lead shows it: PATCH the lead to change it", code="identity_shown")
    await identity_store.release_identities(connection, lead_id, [alias])
    book.announce(entry, "lead.updated", {"changed": ["identities"]}, at=book.now)
    await book.flush()
    return lead_out(entry.row)
