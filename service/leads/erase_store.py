"""The SQL of an erasure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_STATEMENTS: Final = (
    text("DELETE FROM identities WHERE lead_id = ANY(CAST(:ids AS uuid[]))"),
    text("UPDATE transitions SET note = NULL WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND note IS NOT NULL"),
    text("UPDATE corrections SET reason = '' WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND reason <> ''"),
    text("UPDATE touchpoints SET utm = '{}' WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND utm <> '{}'"),
    # That they agreed, when and on what basis is ours to prove even now; what they said and how is theirs.
    text(
        "UPDATE consents SET source = NULL, wording = NULL, evidence = '{}' WHERE lead_id = ANY(CAST(:ids AS uuid[]))"
    ),
    text(
        """UPDATE activities SET data = '{}', key = NULL
        WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND (data <> '{}' OR key IS NOT NULL)"""
    ),
    text("UPDATE set_aside SET note = NULL WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND note IS NOT NULL"),
    text(
        """UPDATE merges SET before = '{}', why = NULL
        WHERE lead_id = ANY(CAST(:ids AS uuid[])) OR duplicate_id = ANY(CAST(:ids AS uuid[]))"""
    ),
    # As with the lead itself: what says something of a company or of us stays, what was told of the person goes.
    text(
        "UPDATE journeys SET entered_as = entered_as - 'attributes' "
        "WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND entered_as ? 'attributes'"
    ),
    text("DELETE FROM match_keys WHERE lead_id = ANY(CAST(:ids AS uuid[]))"),
    text(
        """DELETE FROM duplicates WHERE (lead_id, other_id) IN (
            SELECT lead_id, other_id FROM duplicates
            WHERE lead_id = ANY(CAST(:ids AS uuid[])) OR other_id = ANY(CAST(:ids AS uuid[]))
            ORDER BY lead_id, other_id FOR UPDATE)"""
    ),
)
# Answers kept for repeated requests quote the lead, and name its id.
_FORGET_ANSWERS: Final = text(
    """DELETE FROM idempotency_keys USING unnest(CAST(:ids AS uuid[])) AS lead (id)
    WHERE position(convert_to(CAST(lead.id AS text), 'UTF8') IN body) > 0"""
)
_REFERRED: Final = text(
    """SELECT id FROM leads WHERE lower(btrim(referred_by)) = ANY(CAST(:names AS text[]))
    AND id <> ALL(CAST(:ids AS uuid[])) AND erased_at IS NULL"""
)


async def erase(connection: AsyncConnection, lead_ids: Collection[UUID]) -> None:
    """Remove what identifies a person from every table of this room and the core, but not from the leads' own rows."""
    for statement in (*_STATEMENTS, _FORGET_ANSWERS):
        await connection.execute(statement, {"ids": sorted(lead_ids)})


async def forget_answers(connection: AsyncConnection, lead_ids: Collection[UUID]) -> None:
    """Delete the answers kept for repeated requests that tell of leads."""
    await connection.execute(_FORGET_ANSWERS, {"ids": sorted(lead_ids)})


async def referred_by(connection: AsyncConnection, lead_ids: Collection[UUID], *, names: Collection[str]) -> list[UUID]:
    """Return the other leads whose ``referred_by`` is one of these names, which are in lower case."""
    rows = await fetch(connection, _REFERRED, ids=sorted(lead_ids), names=list(names)) if names else []
    return [row["id"] for row in rows]
