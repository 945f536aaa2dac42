"""The SQL of the ledger of points."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.nurture.scoring.decay import Entry
from service.nurture.scoring.ledger import Live
from service.nurture.scoring.matching import Activity, Scoring

Rows = Sequence[Mapping[str, Any]]

MOST_ACTIVITIES: Final = 1000
"""How many of a lead's activities are looked at: the newest of those that any rule counts."""

# Rows of many leads come as columns, one row a lead: made into objects one by one they would cost more than all that is done with them.
_COLUMNS: Final = ", ".join(f"array_agg({name})" for name in ("id", *Entry._fields))
_LIVE: Final = text(
    f"""SELECT lead_id, {_COLUMNS} FROM score_entries
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL GROUP BY lead_id"""
)
_TOLD_OF: Final = ", ".join(f"array_agg({name} ORDER BY occurred_at, id)" for name in Activity._fields)
_WORTH_A_LOOK: Final = """(kind = ANY(CAST(:kinds AS text[]))
    OR EXISTS (SELECT FROM unnest(CAST(:beginnings AS text[])) AS beginning WHERE starts_with(kind, beginning)))"""
_ACTIVITIES: Final = text(
    f"""SELECT did.* FROM unnest(CAST(:ids AS uuid[])) AS wanted (lead_id) CROSS JOIN LATERAL (
        SELECT wanted.lead_id, {_TOLD_OF} FROM (
            SELECT id, kind, occurred_at, channel, CASE WHEN :data THEN CAST(data AS text) END AS data,
                CAST((rating - rating_worst) / nullif(rating_best - rating_worst, 0) AS float) AS rating
            FROM activities WHERE activities.lead_id = wanted.lead_id
                AND occurred_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
                AND occurred_at <= coalesce(CAST(:until AS timestamptz), 'infinity') AND {_WORTH_A_LOOK}
            ORDER BY occurred_at DESC, id DESC LIMIT :most) AS one HAVING count(*) > 0) AS did"""
)
_ADD: Final = text(
    "INSERT INTO score_entries SELECT * FROM json_populate_recordset(NULL::score_entries, CAST(:rows AS json))"
)
_END: Final = text(
    """UPDATE score_entries SET ended_at = gone.at, ended_because = gone.because
    FROM json_to_recordset(CAST(:rows AS json)) AS gone (lead_id uuid, id uuid, at timestamptz, because text)
    WHERE score_entries.lead_id = gone.lead_id AND score_entries.id = gone.id AND ended_at IS NULL"""
)
_AT: Final = text(
    """SELECT * FROM score_entries WHERE lead_id = :lead_id AND recorded_at <= :at AND (ended_at IS NULL OR ended_at > :at)
    ORDER BY occurred_at, id"""
)
_EVERY: Final = text(
    """SELECT * FROM score_entries WHERE lead_id = :lead_id AND id < coalesce(CAST(:before AS uuid), CAST(:last AS uuid))
    ORDER BY id DESC LIMIT :limit"""
)
_OF: Final = text(
    "SELECT * FROM score_entries WHERE lead_id = ANY(CAST(:ids AS uuid[])) ORDER BY lead_id, recorded_at, id"
)
_KINDS: Final = text(
    """SELECT id, kind, channel, occurred_at FROM activities
    WHERE lead_id = :lead_id AND id = ANY(CAST(:ids AS uuid[]))"""
)
_LAST: Final = UUID(int=2**128 - 1)


async def read_live(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, list[Live]]:
    """Return the entries of leads that have not been ended."""
    rows = await connection.execute(_LIVE, {"ids": list(ids)})
    return {
        lead_id: [Live(one, Entry._make(entry)) for one, *entry in zip(*columns, strict=True)]
        for lead_id, *columns in rows
    }


async def read_activities(
    connection: AsyncConnection,
    ids: Collection[UUID],
    scoring: Scoring,
    *,
    at: datetime,
    until: datetime | None = None,
) -> dict[UUID, list[Activity]]:
    """Return the activities of leads that the rules count and that can be worth anything at an instant, oldest first.

    ``until`` leaves out what happened later. News are not held against the clock: that of another worker may be ahead.
    """
    kinds, beginnings = scoring.kinds, scoring.beginnings
    if not ids or not (kinds or beginnings):
        return {}
    given = {
        "ids": list(ids),
        "kinds": kinds,
        "beginnings": beginnings,
        "since": scoring.since(at),
        "until": until,
        "data": scoring.asks_for_data,
        "most": MOST_ACTIVITIES,
    }
    rows = await connection.execute(_ACTIVITIES, given)
    return {lead_id: list(map(Activity._make, zip(*columns, strict=True))) for lead_id, *columns in rows}


async def write(connection: AsyncConnection, *, added: Rows, ended: Rows) -> None:
    """Write new entries, and end others (``lead_id, id, at, because``)."""
    if added:
        await connection.execute(_ADD, {"rows": dumps(list(added))})
    if ended:
        await connection.execute(_END, {"rows": dumps(list(ended))})


async def entries_at(connection: AsyncConnection, lead_id: UUID, at: datetime) -> list[dict[str, Any]]:
    """Return a lead's entries as they were recorded by an instant and not ended by then."""
    return await fetch(connection, _AT, lead_id=lead_id, at=at)


async def list_entries(
    connection: AsyncConnection, lead_id: UUID, *, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Return every entry there ever was of a lead, the newest first."""
    return await fetch(connection, _EVERY, lead_id=lead_id, before=before, last=_LAST, limit=limit)


async def entries_of(connection: AsyncConnection, lead_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return every entry there ever was of leads, in the order they were recorded."""
    return await fetch(connection, _OF, ids=list(lead_ids))


async def activities_of(
    connection: AsyncConnection, lead_id: UUID, ids: Collection[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Return what some activities of a lead were."""
    rows = await fetch(connection, _KINDS, lead_id=lead_id, ids=list(ids)) if ids else []
    return {row["id"]: row for row in rows}
