"""What raw deliveries hold of a person, for their export."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.intake import person_store
from service.intake.deliveries import delivery_out

_CONTENT: Final = ("headers", "query", "body", "body_encoding", "detail")


async def export_deliveries(connection: AsyncConnection, lead_ids: Collection[UUID]) -> dict[str, Any]:
    """Return the raw deliveries that came to a person's leads; of those that others are in too, only that they came."""
    rows = await person_store.deliveries_of(connection, lead_ids)
    return {"deliveries": [_shown(delivery_out(row), set(lead_ids)) for row in rows]}


def _shown(delivery: dict[str, Any], own: Collection[UUID]) -> dict[str, Any]:
    shared = not set(delivery["lead_ids"]) <= set(own)
    kept = {name: value for name, value in delivery.items() if name not in {"bucket", "attempts", "due_at"}}
    if shared:
        kept |= dict.fromkeys(_CONTENT) | {
            "lead_ids": [one for one in delivery["lead_ids"] if one in own],
            "outcome": [one for one in delivery["outcome"] if one["lead_id"] in {str(each) for each in own}],
        }
    return {**kept, "shared": shared}
