"""The SQL of a person's export: their lead, and the leads that were merged into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_FAMILY: Final = text(
    """WITH RECURSIVE family AS (
        SELECT id FROM leads WHERE id = :id
        UNION SELECT leads.id FROM leads JOIN family ON leads.merged_into = family.id
    )
    SELECT id FROM family WHERE id <> :id ORDER BY id"""
)
_EVENTS: Final = text("SELECT * FROM outbox WHERE lead_id = :id ORDER BY sequence")
_MERGES: Final = text("SELECT * FROM merges WHERE lead_id = :id ORDER BY recorded_at, id")
_SET_ASIDE: Final = text("SELECT * FROM set_aside WHERE lead_id = :id ORDER BY occurred_at, source")


async def merged_into(connection: AsyncConnection, lead_id: UUID) -> Sequence[UUID]:
    """Return the leads that were merged into a lead, and those merged into them before."""
    return [row["id"] for row in await fetch(connection, _FAMILY, id=lead_id)]


async def read_events(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return all that was ever told of a lead, in order."""
    return await fetch(connection, _EVENTS, id=lead_id)


async def read_merges(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return the merges of others into a lead."""
    return await fetch(connection, _MERGES, id=lead_id)


async def read_set_aside(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return what merged leads did that is not legal in the lead's ledger."""
    return await fetch(connection, _SET_ASIDE, id=lead_id)
