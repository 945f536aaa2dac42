"""The SQL of an erasure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_STATEMENTS: Final = (
    text("DELETE FROM identities WHERE lead_id = :lead_id"),
    text("UPDATE transitions SET note = NULL WHERE lead_id = :lead_id AND note IS NOT NULL"),
    text("UPDATE corrections SET reason = '' WHERE lead_id = :lead_id AND reason <> ''"),
    text("UPDATE touchpoints SET utm = '{}' WHERE lead_id = :lead_id AND utm <> '{}'"),
    # That they agreed, when and on what basis is ours to prove even now; what they said and how is theirs.
    text("UPDATE consents SET source = NULL, wording = NULL, evidence = '{}' WHERE lead_id = :lead_id"),
    text("UPDATE activities SET data = '{}' WHERE lead_id = :lead_id AND data <> '{}'"),
)
# Answers kept for repeated requests quote the lead, and name its id.
_FORGET_ANSWERS: Final = text(
    """DELETE FROM idempotency_keys
    WHERE position(convert_to(CAST(CAST(:lead_id AS uuid) AS text), 'UTF8') IN body) > 0"""
)
_REFERRED: Final = text(
    """SELECT id FROM leads WHERE lower(btrim(referred_by)) = ANY(CAST(:names AS text[]))
    AND id <> :lead_id AND erased_at IS NULL"""
)


async def erase(connection: AsyncConnection, lead_id: UUID) -> None:
    """Remove what identifies the person from every table of this room and the core, but not from the lead's own row."""
    for statement in (*_STATEMENTS, _FORGET_ANSWERS):
        await connection.execute(statement, {"lead_id": lead_id})


async def forget_answers(connection: AsyncConnection, lead_id: UUID) -> None:
    """Delete the answers kept for repeated requests that tell of a lead."""
    await connection.execute(_FORGET_ANSWERS, {"lead_id": lead_id})


async def referred_by(connection: AsyncConnection, lead_id: UUID, *, names: Collection[str]) -> list[UUID]:
    """Return the other leads whose ``referred_by`` is one of these names, which are in lower case."""
    rows = await fetch(connection, _REFERRED, lead_id=lead_id, names=list(names)) if names else []
    return [row["id"] for row in rows]
