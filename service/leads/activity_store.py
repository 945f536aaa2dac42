"""The SQL of activities that were told before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_KEYED: Final = text(
    """SELECT activities.* FROM activities JOIN unnest(CAST(:lead_ids AS uuid[]), CAST(:keys AS text[])) AS told (lead_id, key)
        ON activities.lead_id = told.lead_id AND activities.key = told.key
    ORDER BY activities.recorded_at, activities.id"""
)


async def read_keyed(
    connection: AsyncConnection, wanted: Sequence[tuple[UUID, str]]
) -> dict[tuple[UUID, str], dict[str, Any]]:
    """Return activities by their lead and the key they were told with; of several the first that was recorded. The leads must be locked."""
    if not wanted:
        return {}
    lead_ids, keys = zip(*wanted, strict=True)
    found: dict[tuple[UUID, str], dict[str, Any]] = {}
    for row in await fetch(connection, _KEYED, lead_ids=list(lead_ids), keys=list(keys)):
        found.setdefault((row["lead_id"], row["key"]), row)
    return found
