"""The SQL of replays: the past of some leads, all they can be asked about."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.core.ids import NIL

Row = dict[str, Any]

_THERE: Final = "acquired_at < :end AND erased_at IS NULL AND merged_into IS NULL AND NOT test"
_COUNT: Final = text(f"SELECT count(*) AS count FROM leads WHERE {_THERE}")
# Of a sample, each lead is in or out by the end of its id, which is random.
_NEXT: Final = text(
    f"""SELECT id FROM leads WHERE id > CAST(:after AS uuid) AND {_THERE}
        AND (:parts >= 65536 OR get_byte(uuid_send(id), 14) * 256 + get_byte(uuid_send(id), 15) < :parts)
    ORDER BY id LIMIT :limit"""
)
_LEDGER: Final = text(
    """SELECT lead_id, sequence, event, to_stage, reason, category, note, amount, currency, channel, campaign, actor, occurred_at
    FROM transitions WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND superseded_at IS NULL AND occurred_at < :end
    ORDER BY lead_id, sequence"""
)
# A lead as events show it, without what no condition and no rule of scoring can be about.
_TOLD: Final = text(
    """SELECT lead_id, type, occurred_at, CAST(data AS jsonb) - 'lead' - 'transition' - 'activity' - 'why' AS data,
        coalesce(data -> 'transition' ->> 'actor', data -> 'assignment' ->> 'rule', '') AS cause,
        CAST(data -> 'lead' AS jsonb) - CAST(:unasked AS text[]) AS lead
    FROM outbox WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND occurred_at < :end AND data -> 'lead' IS NOT NULL
    ORDER BY lead_id, sequence"""
)
_ACTIVITIES: Final = text(
    """SELECT lead_id, id, kind, occurred_at, rating, rating_worst, rating_best FROM activities
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND occurred_at < :end ORDER BY lead_id, occurred_at, id"""
)
_TOUCHED: Final = text(
    """SELECT lead_id, occurred_at FROM touchpoints
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND journey > 0 AND occurred_at < :end ORDER BY lead_id, occurred_at, id"""
)
_UNASKED: Final = [
    "email",
    "phone",
    "full_name",
    "first_name",
    "last_name",
    "utm",
    "external_ids",
    "consent",
    "referred_by",
    "raw",
    "can_contact",
    "verdict_reasons",
]


async def count_leads(connection: AsyncConnection, *, end: datetime) -> int:
    """Return how many leads were there before a time."""
    rows = await fetch(connection, _COUNT, end=end)
    return int(rows[0]["count"])


async def next_leads(
    connection: AsyncConnection, after: UUID | None, *, end: datetime, parts: int, limit: int
) -> list[UUID]:
    """Return the ids of the leads after one that were there before a time; ``parts`` of 65536 of them."""
    rows = await fetch(connection, _NEXT, after=after or NIL, end=end, parts=parts, limit=limit)
    return [row["id"] for row in rows]


async def read_ledgers(connection: AsyncConnection, ids: Collection[UUID], *, end: datetime) -> list[Row]:
    """Return the ledgers of leads as they hold now, up to a time."""
    return await fetch(connection, _LEDGER, ids=list(ids), end=end)


async def read_told(connection: AsyncConnection, ids: Collection[UUID], *, end: datetime) -> list[Row]:
    """Return what was told of leads up to a time, in order: ``type, occurred_at, data``, and the lead as it was then."""
    return await fetch(connection, _TOLD, ids=list(ids), end=end, unasked=_UNASKED)


async def read_activities(connection: AsyncConnection, ids: Collection[UUID], *, end: datetime) -> list[Row]:
    """Return what leads did up to a time."""
    return await fetch(connection, _ACTIVITIES, ids=list(ids), end=end)


async def read_touched(connection: AsyncConnection, ids: Collection[UUID], *, end: datetime) -> list[Row]:
    """Return when leads were in contact up to a time."""
    return await fetch(connection, _TOUCHED, ids=list(ids), end=end)
