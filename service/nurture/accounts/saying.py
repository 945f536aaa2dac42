"""Saying who has which part in a decision: each word is kept, the last one holds."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import new_id
from service.leads.book import Book, Entry
from service.leads.operations import Writer
from service.nurture.accounts import people_store, reading
from service.nurture.accounts.errors import PersonNotFound
from service.nurture.accounts.roles import Role
from service.nurture.accounts.schemas import RoleSaid

CHANGED: Final = "buying_role"
"""What an event of the lead says has changed."""


async def say_role(
    connection: AsyncConnection, account_id: str, lead_id: UUID, body: RoleSaid, writer: Writer
) -> dict[str, Any]:
    """Say what a person's role is, and return the person; saying it again changes nothing.

    Raises `AccountNotFound`, `PersonNotFound`, or what `Book.take_one` raises.
    """
    domain = reading.domain_of(account_id)
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await _person(book, domain, lead_id, writer)
    said = (await people_store.roles_of_leads(connection, [lead_id])).get(lead_id)
    if said is None or (said["role"], said["note"]) != (body.role, body.note):
        await _write(book, entry, body.role, body.note)
    return await reading.read_person(connection, domain, lead_id)


async def take_back(connection: AsyncConnection, account_id: str, lead_id: UUID, writer: Writer) -> None:
    """Take back what was said of a person's role; where nothing was, nothing changes."""
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await _person(book, reading.domain_of(account_id), lead_id, writer)
    said = (await people_store.roles_of_leads(connection, [lead_id])).get(lead_id)
    if said is not None and said["role"] is not None:
        await _write(book, entry, None, None)


async def _person(book: Book, domain: str, lead_id: UUID, writer: Writer) -> Entry:
    entry = await book.take_one(lead_id)
    if entry.row["company_domain"] != domain or entry.row["test"]:
        raise PersonNotFound(f"lead {lead_id} is nobody of {domain}")
    writer.precondition.check(entry.row["version"])
    return entry


async def _write(book: Book, entry: Entry, role: Role | None, note: str | None) -> None:
    await people_store.end_role(book.connection, entry.id, at=book.now)
    row = {"lead_id": entry.id, "id": new_id(), "role": role, "note": note, "actor": book.actor, "at": book.now}
    await people_store.add_role(book.connection, row)
    book.announce(entry, "lead.updated", {"changed": [CHANGED], CHANGED: role}, at=book.now)
    await book.flush()
