"""What can be done with a lead's consents, in the caller's transaction."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.leads.book import Book
from service.leads.operations import Writer
from service.leads.present import consent_out
from service.leads.privacy import store
from service.leads.privacy.bases import BASES
from service.leads.privacy.contacting import explain
from service.leads.privacy.schemas import ConsentCreate
from service.leads.privacy.telling import Words, record
from service.leads.privacy.words import read_word
from service.leads.reading import find_lead
from service.lifecycle.ledger import refuse_future


async def tell_consent(
    connection: AsyncConnection, lead_id: UUID, body: ConsentCreate, writer: Writer
) -> tuple[dict[str, Any], int]:
    """Record a word on a consent; returns it with the lead's version after it. One that comes late changes nothing of the lead."""
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    at = body.occurred_at or book.now
    refuse_future(at, book.now)
    if body.expires_at is not None and body.expires_at <= at:
        raise Invalid("/expires_at", "must be after it was given")
    said = _said(body, at)
    words = await Words.known(book, [(lead_id, {body.purpose: said})])
    word = replace(read_word(said), wording=body.wording, evidence=body.evidence)
    at = min(at, book.now)
    row = record(book, entry, body.purpose, word, at=at, source=None)
    if words.put(entry, body.purpose, said, at=at):
        book.announce(entry, "lead.updated", {"changed": ["consent"]}, at=at)
    await book.flush()
    return consent_out(row), entry.row["version"]


def _said(body: ConsentCreate, at: datetime) -> dict[str, Any]:
    """Return the word as the lead's row has it: without its proof, which may be long and is the record's."""
    said = {"granted": body.granted, "at": _text(at), "source": body.source, "basis": body.basis}
    if body.media:
        said["media"] = list(dict.fromkeys(body.media))
    if body.expires_at:
        said["expires_at"] = _text(body.expires_at)
    return said


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


async def read_consents(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return every word on a lead's consents, the oldest first."""
    await find_lead(connection, lead_id)
    return {"data": [consent_out(row) for row in await store.read_consents(connection, lead_id)], "next_cursor": None}


async def read_contact(
    connection: AsyncConnection, lead_id: UUID, *, purpose: str | None, medium: str | None, at: datetime
) -> dict[str, Any]:
    """Return whether a lead may be contacted, for a purpose and by a medium or for all that is known."""
    row = await find_lead(connection, lead_id)
    return {"data": explain(row, at, purpose=purpose, medium=medium), "next_cursor": None}


def list_bases() -> dict[str, Any]:
    """Return every basis there is."""
    return {"data": [asdict(basis) for basis in BASES.values()], "next_cursor": None}
