"""The SQL of consents."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_CONSENTS: Final = text("SELECT * FROM consents WHERE lead_id = :id ORDER BY occurred_at, recorded_at, id")
_NEWEST: Final = text(
    """SELECT lead_id, purpose, max(occurred_at) AS said_at FROM consents
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) GROUP BY lead_id, purpose"""
)


async def read_consents(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return all that was ever said of a lead's consents, in the order it was said."""
    return await fetch(connection, _CONSENTS, id=lead_id)


async def newest_words(connection: AsyncConnection, lead_ids: Collection[UUID]) -> dict[tuple[UUID, str], datetime]:
    """Return when the newest word was said on each purpose of these leads."""
    rows = await fetch(connection, _NEWEST, ids=sorted(lead_ids))
    return {(row["lead_id"], row["purpose"]): row["said_at"] for row in rows}
