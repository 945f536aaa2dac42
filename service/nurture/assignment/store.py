"""The SQL of assignments and of turns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.nurture.assignment.tables import OPEN, assignments, turns

Rows = Sequence[Mapping[str, Any]]

_COLUMNS: Final = ", ".join(column.name for column in assignments.columns)
_TURNS: Final = ", ".join(column.name for column in turns.columns)

# One lock for all who assign, taken after those of the leads and before anything else is read: so no two can wait for each other, and
# what one sees of capacities and turns is what the one before left. It is held for the few milliseconds to the end of the transaction.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtext('assignment'))")
_OF_LEADS: Final = text(
    f"SELECT {_COLUMNS} FROM assignments WHERE lead_id = ANY(CAST(:ids AS uuid[])) ORDER BY offered_at, id"
)
_LOADS: Final = text(
    f"SELECT owner, count(*) AS load FROM assignments WHERE {OPEN} AND NOT test AND owner = ANY(CAST(:owners AS text[])) GROUP BY owner"
)
_READ_TURNS: Final = text(f"SELECT {_TURNS} FROM turns WHERE team = ANY(CAST(:teams AS text[]))")
_KEEP_TURNS: Final = text(
    f"""INSERT INTO turns ({_TURNS}) SELECT {_TURNS} FROM json_populate_recordset(NULL::turns, CAST(:rows AS json))
    ON CONFLICT (team, owner) DO UPDATE SET credit = excluded.credit, head_start = excluded.head_start,
        present = excluded.present, given = excluded.given, last_at = excluded.last_at"""
)
_FORGET: Final = text(
    f"""UPDATE assignments SET note = NULL, status = CASE WHEN {OPEN} THEN 'ended' ELSE status END,
        reason = CASE WHEN {OPEN} THEN 'erased' ELSE reason END, ended_at = coalesce(ended_at, :now)
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND (note IS NOT NULL OR {OPEN})"""
)
_DROP_TURNS: Final = text("DELETE FROM turns WHERE team = :team")
_ADD: Final = text(
    f"""INSERT INTO assignments ({_COLUMNS})
    SELECT {_COLUMNS} FROM json_populate_recordset(NULL::assignments, CAST(:rows AS json))"""
)
_CHANGED: Final = ("why", "status", "reason", "note", "accept_by", "accepted_at", "decided_at", "ended_at", "ended_by")
_CHANGE: Final = text(
    f"""UPDATE assignments SET {", ".join(f"{name} = new.{name}" for name in _CHANGED)}
    FROM json_populate_recordset(NULL::assignments, CAST(:rows AS json)) AS new
    WHERE assignments.lead_id = new.lead_id AND assignments.id = new.id"""
)
# Whoever has most of a company's leads, and of those the one whose lead moved last.
_OF_COMPANIES: Final = text(
    """SELECT DISTINCT ON (company_domain) company_domain, owner FROM (
        SELECT company_domain, owner, count(*) AS leads, max(stage_entered_at) AS moved_at FROM leads
        WHERE company_domain = ANY(CAST(:domains AS text[])) AND owner IS NOT NULL AND merged_into IS NULL AND erased_at IS NULL
            AND NOT test AND stage <> 'churned' AND NOT (id = ANY(CAST(:ids AS uuid[])))
        GROUP BY company_domain, owner) AS theirs
    ORDER BY company_domain, leads DESC, moved_at DESC, owner"""
)
_TOUCHED: Final = text(
    """SELECT lead_id, max(occurred_at) AS at FROM activities
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND kind = ANY(CAST(:kinds AS text[])) GROUP BY lead_id"""
)
_END_GONE: Final = text(
    f"""UPDATE assignments SET status = 'ended', ended_at = :now, ended_by = :actor,
        reason = CASE WHEN leads.erased_at IS NULL THEN 'merged' ELSE 'erased' END
    FROM leads WHERE leads.id = assignments.lead_id AND assignments.{OPEN} AND leads.id = ANY(CAST(:ids AS uuid[]))
        AND (leads.erased_at IS NOT NULL OR leads.merged_into IS NOT NULL)"""
)

_ASTRAY: Final = text(
    f"""SELECT lead_id FROM assignments JOIN leads ON leads.id = assignments.lead_id
    WHERE assignments.{OPEN} AND leads.owner IS DISTINCT FROM assignments.owner AND leads.merged_into IS NULL AND leads.erased_at IS NULL
        AND NOT EXISTS (SELECT FROM outbox WHERE outbox.lead_id = assignments.lead_id AND outbox.sequence > assignments.sequence
            AND outbox.type IN ('lead.updated', 'lead.merged', 'lead.unmerged'))
    ORDER BY lead_id LIMIT :most"""
)


async def lock(connection: AsyncConnection) -> None:
    """Keep everybody else from assigning until this transaction ends; after the locks of the leads, and before anything is read."""
    await connection.execute(_LOCK)


async def of_leads(connection: AsyncConnection, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return all assignments of leads, oldest first."""
    return await fetch(connection, _OF_LEADS, ids=list(ids)) if ids else []


async def read_loads(connection: AsyncConnection, owners: Collection[str]) -> dict[str, int]:
    """Return how many leads each owner has open; who has none is not in it."""
    if not owners:
        return {}
    return {row["owner"]: row["load"] for row in await fetch(connection, _LOADS, owners=sorted(owners))}


async def read_turns(connection: AsyncConnection, teams: Collection[str]) -> list[dict[str, Any]]:
    """Return where everybody stands in the turns of teams."""
    return await fetch(connection, _READ_TURNS, teams=sorted(teams)) if teams else []


async def keep_turns(connection: AsyncConnection, rows: Rows) -> None:
    """Write where people stand in their teams' turns."""
    if rows:
        await connection.execute(_KEEP_TURNS, {"rows": dumps(list(rows))})


async def change(connection: AsyncConnection, rows: Rows) -> None:
    """Write what became of assignments."""
    if rows:
        await connection.execute(_CHANGE, {"rows": dumps(list(rows))})


async def add(connection: AsyncConnection, rows: Rows) -> None:
    """Add assignments; those of the same leads that were open must have been closed before."""
    if rows:
        await connection.execute(_ADD, {"rows": dumps(list(rows))})


async def owners_of_companies(
    connection: AsyncConnection, domains: Collection[str], *, besides: Collection[UUID]
) -> dict[str, str]:
    """Return, by domain, who has most of each company's leads besides some."""
    if not domains:
        return {}
    found = await fetch(connection, _OF_COMPANIES, domains=sorted(domains), ids=list(besides))
    return {row["company_domain"]: row["owner"] for row in found}


async def last_touched(
    connection: AsyncConnection, ids: Collection[UUID], *, kinds: Sequence[str]
) -> dict[UUID, datetime]:
    """Return when each lead last had an activity of some kinds."""
    if not ids:
        return {}
    return {row["lead_id"]: row["at"] for row in await fetch(connection, _TOUCHED, ids=list(ids), kinds=list(kinds))}


async def end_gone(connection: AsyncConnection, ids: Collection[UUID], *, now: datetime, actor: str) -> None:
    """End the open assignments of those leads that were erased, or became part of others."""
    if ids:
        await connection.execute(_END_GONE, {"ids": list(ids), "now": now, "actor": actor})


async def drop_turns(connection: AsyncConnection, team: str) -> None:
    """Forget the turns of a team."""
    await connection.execute(_DROP_TURNS, {"team": team})


async def forget(connection: AsyncConnection, ids: Collection[UUID], *, now: datetime) -> int:
    """Delete what people wrote about leads, end what is open, and return how many assignments that changed."""
    if not ids:
        return 0
    return (await connection.execute(_FORGET, {"ids": list(ids), "now": now})).rowcount


async def read_astray(connection: AsyncConnection, *, most: int) -> list[UUID]:
    """Return leads whose owner is not the one they are assigned to, though no other hand has changed them since."""
    return [row["lead_id"] for row in await fetch(connection, _ASTRAY, most=most)]
