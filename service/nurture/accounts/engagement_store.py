"""When the people of an account did something, and when we did."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.nurture.accounts.parts_store import STANDING

_BUCKETS: Final = text(
    f"""WITH people AS (SELECT id FROM leads WHERE company_domain = :domain AND {STANDING}),
    happened AS (
        SELECT lead_id, occurred_at, CASE WHEN kind = ANY(CAST(:outbound AS text[])) THEN 'outbound'
            WHEN kind = ANY(CAST(:system AS text[])) THEN 'system' ELSE 'inbound' END AS what
        FROM people JOIN activities ON activities.lead_id = people.id
            AND occurred_at >= CAST(:low AS timestamptz) AND occurred_at < CAST(:high AS timestamptz)
        UNION ALL
        SELECT lead_id, occurred_at, 'touchpoint' FROM people JOIN touchpoints ON touchpoints.lead_id = people.id AND journey > 0
            AND occurred_at >= CAST(:low AS timestamptz) AND occurred_at < CAST(:high AS timestamptz))
    SELECT width_bucket(occurred_at, CAST(:bounds AS timestamptz[])) AS bucket,
        count(*) FILTER (WHERE what = 'inbound') AS inbound, count(*) FILTER (WHERE what = 'outbound') AS outbound,
        count(*) FILTER (WHERE what = 'system') AS system, count(*) FILTER (WHERE what = 'touchpoint') AS touchpoints,
        count(DISTINCT lead_id) FILTER (WHERE what IN ('inbound', 'touchpoint')) AS engaged_people
    FROM happened GROUP BY GROUPING SETS ((width_bucket(occurred_at, CAST(:bounds AS timestamptz[]))), ())"""
)


async def count_engagement(
    connection: AsyncConnection,
    domain: str,
    bounds: Sequence[datetime],
    *,
    outbound: Collection[str],
    system: Collection[str],
) -> dict[int | None, dict[str, Any]]:
    """Return what happened between ascending bounds, by the number of the bucket (from 1), and under None in all of them."""
    given = {"domain": domain, "bounds": list(bounds), "low": bounds[0], "high": bounds[-1]}
    rows = await fetch(connection, _BUCKETS, outbound=list(outbound), system=list(system), **given)
    return {row["bucket"]: row for row in rows}
