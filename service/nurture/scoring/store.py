"""The SQL of the ledger of points."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.nurture.scoring.ledger import Live, entry_of
from service.nurture.scoring.matching import Activity, Scoring

Rows = Sequence[Mapping[str, Any]]

MOST_ACTIVITIES: Final = 1000
"""How many of a lead's activities are looked at: the newest of those that any rule counts."""

_LIVE: Final = text(
    """SELECT lead_id, id, rule, version, kind, points, half_life_days, activity_id, occurred_at, fades_at
    FROM score_entries WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL ORDER BY lead_id, occurred_at, id"""
)
_WORTH_A_LOOK: Final = """(kind = ANY(CAST(:kinds AS text[]))
    OR EXISTS (SELECT FROM unnest(CAST(:beginnings AS text[])) AS beginning WHERE starts_with(kind, beginning)))"""
_ACTIVITIES: Final = text(
    f"""SELECT did.* FROM unnest(CAST(:ids AS uuid[])) AS wanted (lead_id) CROSS JOIN LATERAL (
        SELECT lead_id, id, kind, occurred_at, channel, CASE WHEN :data THEN data END AS data,
            CAST((rating - rating_worst) / (rating_best - rating_worst) AS float) AS rating
        FROM activities WHERE activities.lead_id = wanted.lead_id
            AND occurred_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
            AND occurred_at <= coalesce(CAST(:until AS timestamptz), 'infinity') AND {_WORTH_A_LOOK}
        ORDER BY occurred_at DESC, id DESC LIMIT :most) AS did
    ORDER BY did.lead_id, did.occurred_at, did.id"""
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
_TOLD: Final = text("SELECT * FROM score_entries WHERE lead_id = :lead_id ORDER BY recorded_at, id")
_KINDS: Final = text(
    """SELECT id, kind, channel, occurred_at FROM activities
    WHERE lead_id = :lead_id AND id = ANY(CAST(:ids AS uuid[]))"""
)
_LAST: Final = UUID(int=2**128 - 1)


async def read_live(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, list[Live]]:
    """Return the entries of leads that have not been ended."""
    found: dict[UUID, list[Live]] = defaultdict(list)
    for row in await fetch(connection, _LIVE, ids=list(ids)):
        found[row["lead_id"]].append(Live(row["id"], entry_of(row)))
    return found


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
    found: dict[UUID, list[Activity]] = defaultdict(list)
    if ids and (kinds or beginnings):
        rows = await connection.execute(
            _ACTIVITIES,
            {
                "ids": list(ids),
                "kinds": kinds,
                "beginnings": beginnings,
                "since": scoring.since(at),
                "until": until,
                "data": scoring.asks_for_data,
                "most": MOST_ACTIVITIES,
            },
        )
        for lead_id, activity_id, kind, occurred_at, channel, data, rating in rows:
            found[lead_id].append(
                Activity(id=activity_id, kind=kind, occurred_at=occurred_at, channel=channel, rating=rating, data=data)
            )
    return found


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


async def all_entries(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return every entry there ever was of a lead, in the order they were recorded."""
    return await fetch(connection, _TOLD, lead_id=lead_id)


async def activities_of(
    connection: AsyncConnection, lead_id: UUID, ids: Collection[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Return what some activities of a lead were."""
    rows = await fetch(connection, _KINDS, lead_id=lead_id, ids=list(ids)) if ids else []
    return {row["id"]: row for row in rows}
