"""The SQL of what raw deliveries hold of one person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

# Those that came to the leads, those that touchpoints and the like remember, and the repetitions of all these.
_OWN: Final = """WITH own AS (
        SELECT id FROM deliveries WHERE lead_ids && CAST(:lead_ids AS uuid[]) AND lead_ids <> '{}'
        UNION SELECT delivery_id FROM touchpoints WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) AND delivery_id IS NOT NULL
        UNION SELECT delivery_id FROM activities WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) AND delivery_id IS NOT NULL
        UNION SELECT delivery_id FROM consents WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) AND delivery_id IS NOT NULL
    ), every AS (
        SELECT id FROM own
        UNION SELECT deliveries.id FROM own JOIN deliveries
            ON outcome @> jsonb_build_array(jsonb_build_object('duplicate_of', own.id)) AND status = 'duplicate'
    )"""
_READ: Final = text(f"{_OWN} SELECT deliveries.* FROM deliveries JOIN every USING (id) ORDER BY id")
_EMPTY: Final = text(
    f"""{_OWN} UPDATE deliveries SET body = '', headers = '{{}}', query = '', detail = NULL
    WHERE id IN (SELECT id FROM every)"""
)


async def deliveries_of(connection: AsyncConnection, lead_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the deliveries that came to leads, and the repetitions of these, oldest first."""
    return await fetch(connection, _READ, lead_ids=sorted(lead_ids))


async def empty_deliveries_of(connection: AsyncConnection, lead_ids: Collection[UUID]) -> None:
    """Empty the raw deliveries that came to leads, and the repetitions of these."""
    await connection.execute(_EMPTY, {"lead_ids": sorted(lead_ids)})


_EMPTY_REPETITIONS: Final = text(
    """UPDATE deliveries SET body = '', headers = '{}', query = '', detail = NULL FROM deliveries AS first
    WHERE deliveries.id = ANY(:ids) AND first.id = CAST(deliveries.outcome -> 0 ->> 'duplicate_of' AS uuid)
        AND first.body = '' AND first.headers = '{}'"""
)


async def empty_repetitions(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Empty those of these duplicates whose first delivery was emptied: its person was erased before they came."""
    await connection.execute(_EMPTY_REPETITIONS, {"ids": list(ids)})
