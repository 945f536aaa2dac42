"""The SQL of reverting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.core.ids import NIL
from service.intake.imports.outcomes import RESULTS
from service.leads.building_store import IS_BUILT_ON

# What an import did to each lead: the version before its first row of it and after its last one.
_TOUCHED: Final = f"""
    SELECT row.lead_id, min(number) AS number, min(row.before) AS before, max(row.after) AS after
    FROM import_chunks CROSS JOIN LATERAL unnest(lead_ids, versions_before, versions_after, results) AS row (lead_id, before, after, result)
    WHERE import_id = :import_id AND done_at IS NOT NULL AND row.lead_id <> '{NIL}' AND row.result <> {RESULTS.index("unchanged")}
    GROUP BY row.lead_id"""
_BUILT_ON: Final = text(
    f"""SELECT leads.id FROM ({_TOUCHED}) AS touched JOIN leads ON leads.id = touched.lead_id
    WHERE leads.version <> touched.after AND {IS_BUILT_ON.format(after="touched.after")} ORDER BY leads.id LIMIT :limit"""
)
_CHANGES: Final = text(
    f"SELECT lead_id, before, after FROM ({_TOUCHED}) AS touched WHERE number = :number ORDER BY lead_id"
)
_TAKE: Final = text(
    "SELECT id, kind, detail FROM imports WHERE status = 'reverting' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_NEXT: Final = text(
    """SELECT min(number) FROM import_chunks
    WHERE import_id = :import_id AND done_at IS NOT NULL AND reverted_at IS NULL"""
)
_MARK: Final = text("UPDATE import_chunks SET reverted_at = :now WHERE import_id = :import_id AND number = :number")
_DELETE_ACTIVITIES: Final = text("DELETE FROM activities WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND actor = :actor")
_DELETE_SPEND: Final = text("DELETE FROM spend WHERE actor = :actor")


async def built_on(connection: AsyncConnection, import_id: UUID, *, limit: int) -> list[UUID]:
    """Return leads that have changed since the import."""
    rows = await fetch(connection, _BUILT_ON, import_id=import_id, limit=limit)
    return [row["id"] for row in rows]


async def changes_of(connection: AsyncConnection, import_id: UUID, number: int) -> list[dict[str, Any]]:
    """Return what the import did to the leads that came first in this piece: ``lead_id, before, after``."""
    return await fetch(connection, _CHANGES, import_id=import_id, number=number)


async def take_reverting(connection: AsyncConnection) -> dict[str, Any] | None:
    """Lock an import that is being reverted and that nobody works on."""
    rows = await fetch(connection, _TAKE)
    return rows[0] if rows else None


async def next_piece(connection: AsyncConnection, import_id: UUID) -> int | None:
    """Return the next piece to take back, or None."""
    number: int | None = (await connection.execute(_NEXT, {"import_id": import_id})).scalar_one()
    return number


async def mark_reverted(connection: AsyncConnection, import_id: UUID, number: int, *, now: datetime) -> None:
    """Note that a piece was taken back."""
    await connection.execute(_MARK, {"import_id": import_id, "number": number, "now": now})


async def delete_activities(connection: AsyncConnection, lead_ids: Sequence[UUID], *, actor: str) -> None:
    """Delete what a writer told of the activities of leads."""
    await connection.execute(_DELETE_ACTIVITIES, {"ids": list(lead_ids), "actor": actor})


async def delete_spend(connection: AsyncConnection, *, actor: str) -> None:
    """Delete the amounts that a writer wrote down."""
    await connection.execute(_DELETE_SPEND, {"actor": actor})
