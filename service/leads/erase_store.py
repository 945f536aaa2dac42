"""The SQL of an erasure."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_STATEMENTS: Final = (
    text("DELETE FROM identities WHERE lead_id = :lead_id"),
    text("UPDATE transitions SET note = NULL WHERE lead_id = :lead_id AND note IS NOT NULL"),
    text("UPDATE corrections SET reason = '' WHERE lead_id = :lead_id AND reason <> ''"),
    text("UPDATE touchpoints SET utm = '{}' WHERE lead_id = :lead_id AND utm <> '{}'"),
    text("UPDATE activities SET data = '{}' WHERE lead_id = :lead_id AND data <> '{}'"),
    # Answers kept for repeated requests quote the lead, and name its id.
    text(
        """DELETE FROM idempotency_keys
        WHERE position(convert_to(CAST(CAST(:lead_id AS uuid) AS text), 'UTF8') IN body) > 0"""
    ),
)


async def erase(connection: AsyncConnection, lead_id: UUID) -> None:
    """Remove what identifies the person from every table of this room and the core, but not from the lead's own row."""
    for statement in _STATEMENTS:
        await connection.execute(statement, {"lead_id": lead_id})
