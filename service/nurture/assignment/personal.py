"""What assignments tell of a lead's history, and what of them is forgotten with a person."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core import clock
from service.leads.erase import Erased
from service.leads.privacy.export_store import merged_into
from service.nurture.assignment import store
from service.nurture.assignment.present import assignment_out


async def tell_assignments(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return the items of a lead's timeline: each assignment when it was made, when it was accepted, and when it was over."""
    rows = await store.of_leads(connection, [lead_id, *await merged_into(connection, lead_id)])
    items = []
    for row in rows:
        for what, at in (("offered", row["offered_at"]), ("accepted", row["accepted_at"]), ("ended", row["ended_at"])):
            if at is not None and not (what == "accepted" and at == row["offered_at"]):
                data = assignment_out(row) | {"what": what}
                items.append({"kind": "assignment", "occurred_at": at, "recorded_at": at, "data": data})
    return items


async def erase_assignments(connection: AsyncConnection, erased: Erased) -> int:
    """Forget what people wrote about somebody's leads, which are nobody's work any more; who had them, when and why stays."""
    return await store.forget(connection, erased.lead_ids, now=clock.now())


async def export_assignments(connection: AsyncConnection, lead_ids: Collection[UUID]) -> dict[str, Any]:
    """Return who has had a person's leads."""
    return {"assignments": [assignment_out(row) for row in await store.of_leads(connection, lead_ids)]}
