"""What accounts hold of a person: for the lead's timeline, for the person's export, and for when they are erased."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads.erase import Erased
from service.leads.privacy.export_store import merged_into
from service.nurture.accounts import people_store, remains_store
from service.nurture.accounts.tiers import ACCOUNT_TIERS


async def tell_roles(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return what was said of a lead's buying role, and of those merged into it, as items of its timeline."""
    rows = await people_store.read_history(connection, [lead_id, *await merged_into(connection, lead_id)])
    return [
        {
            "kind": "buying_role",
            "occurred_at": row["at"],
            "recorded_at": row["at"],
            "data": {name: row[name] for name in ("id", "role", "note", "actor", "ended_at")},
        }
        for row in rows
    ]


async def export_roles(connection: AsyncConnection, lead_ids: Collection[UUID]) -> dict[str, Any]:
    """Return all that was said of a person's buying role."""
    return {"buying_roles": await people_store.read_history(connection, lead_ids)}


async def erase_from_accounts(connection: AsyncConnection, erased: Erased) -> int:
    """Empty the notes on the roles of somebody who is erased, and let their companies keep what they brought.

    A company of whom nobody else is known is forgotten, too: its domain may be a person's own. Returns 0: it has no deliveries.
    """
    if not erased.lead_ids:
        return 0
    await people_store.forget_notes(connection, erased.lead_ids)
    await remains_store.keep_remains(connection, erased.lead_ids)
    await remains_store.mark_due(connection, erased.lead_ids, rules=ACCOUNT_TIERS.name)
    if left := await remains_store.left_by(connection, erased.lead_ids):
        await remains_store.forget_accounts(connection, left)
    return 0
