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
