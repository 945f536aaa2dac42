"""The SQL of telling activities."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_STANDING: Final = text(
    """WITH RECURSIVE way (named, id, merged_into) AS (
        SELECT id, id, merged_into FROM leads WHERE id = ANY(CAST(:ids AS uuid[]))
        UNION SELECT way.named, leads.id, leads.merged_into FROM way JOIN leads ON leads.id = way.merged_into)
    SELECT named, id FROM way WHERE merged_into IS NULL"""
)
_KEYED: Final = text(
    """SELECT activities.* FROM activities JOIN unnest(CAST(:lead_ids AS uuid[]), CAST(:keys AS text[])) AS told (lead_id, key)
        ON activities.lead_id = told.lead_id AND activities.key = told.key
    ORDER BY activities.recorded_at, activities.id"""
)
_RATINGS: Final = text(
    """SELECT activities.kind, activities.channel, rating_worst, rating_best, count(*) AS ratings,
        count(DISTINCT lead_id) AS leads, avg(rating) AS mean, stddev_samp(rating) AS deviation
    FROM activities JOIN leads ON leads.id = activities.lead_id AND NOT leads.test
    WHERE rating IS NOT NULL AND occurred_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
        AND occurred_at < coalesce(CAST(:until AS timestamptz), 'infinity')
        AND (CAST(:kinds AS text[]) IS NULL OR activities.kind = ANY(CAST(:kinds AS text[])))
    GROUP BY activities.kind, activities.channel, rating_worst, rating_best
    ORDER BY activities.kind, activities.channel NULLS LAST, rating_worst, rating_best"""
)


async def standing(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return for each of these leads the one that it lives on in, through all merges: mostly itself."""
    rows = await fetch(connection, _STANDING, ids=list(ids)) if ids else []
    return {row["named"]: row["id"] for row in rows}


async def count_ratings(
    connection: AsyncConnection, *, since: datetime | None, until: datetime | None, kinds: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return how many ratings there are of each kind, channel and scale, their mean and their standard deviation."""
    return await fetch(connection, _RATINGS, since=since, until=until, kinds=kinds)


async def read_keyed(
    connection: AsyncConnection, wanted: Sequence[tuple[UUID, str]]
) -> dict[tuple[UUID, str], dict[str, Any]]:
    """Return activities by their lead and the key they were told with; of several the first that was recorded."""
    if not wanted:
        return {}
    lead_ids, keys = zip(*wanted, strict=True)
    found: dict[tuple[UUID, str], dict[str, Any]] = {}
    for row in await fetch(connection, _KEYED, lead_ids=list(lead_ids), keys=list(keys)):
        found.setdefault((row["lead_id"], row["key"]), row)
    return found
