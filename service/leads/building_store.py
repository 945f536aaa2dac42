"""The SQL that tells whether anything was built on what was done to a lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch

IS_BUILT_ON: Final = """EXISTS (SELECT FROM outbox WHERE outbox.lead_id = leads.id AND outbox.sequence > {after}
    AND outbox.type NOT IN ('lead.score_changed', 'lead.overdue')
    AND NOT (outbox.type = 'lead.updated' AND CAST(outbox.data -> 'changed' AS jsonb) <@ '["due_at"]'))"""
"""Whether more happened to one of ``leads`` since its version ``{after}`` than that its score and its deadlines were worked out again."""

_BUILT_ON: Final = text(
    f"""SELECT leads.id FROM json_to_recordset(CAST(:rows AS json)) AS known (id uuid, version int)
    JOIN leads ON leads.id = known.id WHERE leads.version <> known.version AND {IS_BUILT_ON.format(after="known.version")}"""
)


async def built_on(connection: AsyncConnection, versions: Mapping[UUID, int]) -> set[UUID]:
    """Return those leads that something was built on since they had a version."""
    rows = [{"id": lead_id, "version": version} for lead_id, version in versions.items()]
    return {row["id"] for row in await fetch(connection, _BUILT_ON, rows=dumps(rows))} if rows else set()
