"""What deadlines tell of a lead's history, and what becomes of them when a person is exported or erased."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core import clock
from service.leads.erase import Erased
from service.nurture.deadlines import store
from service.nurture.deadlines.present import deadline_out, timeline_items


async def tell_deadlines(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return the items of a lead's timeline: when a deadline began, passed and ended."""
    return [item for row in await store.read_deadlines(connection, [lead_id]) for item in timeline_items(row)]


async def stop_clocks(connection: AsyncConnection, erased: Erased) -> int:
    """Stop the clocks of somebody who was erased: nothing is to be done for them any more. What was measured stays counted."""
    return await store.withdraw(connection, erased.lead_ids, ended=False, now=clock.now())


async def export_deadlines(connection: AsyncConnection, lead_ids: Collection[UUID]) -> dict[str, Any]:
    """Return until when something was to be done for a person's leads."""
    now = clock.now()
    return {"deadlines": [deadline_out(row, at=now) for row in await store.read_deadlines(connection, lead_ids)]}
