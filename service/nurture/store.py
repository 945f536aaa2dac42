"""The SQL of nurture's own tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.core.ids import NIL

_RULES: Final = text(
    "SELECT DISTINCT ON (name) name, version, rules, actor, created_at FROM rule_versions ORDER BY name, version DESC"
)
_VERSIONS: Final = text(
    """SELECT name, version, rules, actor, created_at FROM rule_versions
    WHERE name = :name AND version < :before ORDER BY version DESC LIMIT :limit"""
)
_ADD_VERSION: Final = text(
    """INSERT INTO rule_versions (name, version, rules, actor, created_at)
    SELECT :name, coalesce(CAST(:after AS integer), max(version), 0) + 1, CAST(:rules AS jsonb), :actor, :now
    FROM rule_versions WHERE name = :name
    ON CONFLICT DO NOTHING RETURNING name, version, rules, actor, created_at"""
)
_SET_TIMERS: Final = text(
    """INSERT INTO timers (lead_id, kind, key, due_at) SELECT lead_id, kind, key, due_at
    FROM json_populate_recordset(NULL::timers, CAST(:rows AS json))
    ON CONFLICT (lead_id, kind, key) DO UPDATE SET due_at = excluded.due_at"""
)
_CLEAR_TIMERS: Final = text(
    """DELETE FROM timers USING json_to_recordset(CAST(:rows AS json)) AS gone (lead_id uuid, kind text, key text)
    WHERE timers.lead_id = gone.lead_id AND timers.kind = gone.kind AND timers.key = gone.key"""
)
_DUE: Final = text("SELECT lead_id FROM timers WHERE due_at <= :now ORDER BY due_at LIMIT :limit")
_TAKE_DUE: Final = text(
    """DELETE FROM timers WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND due_at <= :now
    RETURNING lead_id, kind, key, due_at"""
)
_SWEEPS: Final = text("SELECT name, version, after FROM sweeps")
_KEEP_SWEEP: Final = text(
    """INSERT INTO sweeps (name, version, after) VALUES (:name, :version, :after)
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, after = excluded.after"""
)
_NEXT_LEADS: Final = text(
    """SELECT id FROM leads WHERE id > CAST(:after AS uuid) AND erased_at IS NULL AND merged_into IS NULL
    ORDER BY id LIMIT :limit"""
)


async def read_rules(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the newest version of every set of rules."""
    return await fetch(connection, _RULES)


async def read_versions(connection: AsyncConnection, name: str, *, before: int, limit: int) -> list[dict[str, Any]]:
    """Return the versions of a set below ``before``, the newest first."""
    return await fetch(connection, _VERSIONS, name=name, before=before, limit=limit)


async def add_version(
    connection: AsyncConnection,
    name: str,
    rules: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    after: int | None = None,
) -> dict[str, Any] | None:
    """Add the next version of a set, the one after ``after``, and return it, or None if somebody else just added one."""
    rows = await fetch(connection, _ADD_VERSION, name=name, rules=dumps(rules), actor=actor, now=now, after=after)
    return rows[0] if rows else None


async def set_timers(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set timers (``lead_id, kind, key, due_at``); one that is set already is moved."""
    await connection.execute(_SET_TIMERS, {"rows": dumps(list(rows))})


async def clear_timers(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Clear timers (``lead_id, kind, key``); those that are not set are passed over."""
    await connection.execute(_CLEAR_TIMERS, {"rows": dumps(list(rows))})


async def read_due(connection: AsyncConnection, *, now: datetime, limit: int) -> list[UUID]:
    """Return the leads of the timers whose time has come, the earliest first."""
    return [row["lead_id"] for row in await fetch(connection, _DUE, now=now, limit=limit)]


async def take_due(connection: AsyncConnection, ids: Sequence[UUID], *, now: datetime) -> list[dict[str, Any]]:
    """Clear these leads' timers whose time has come, and return them; the leads must be locked."""
    return await fetch(connection, _TAKE_DUE, ids=list(ids), now=now)


async def read_sweeps(connection: AsyncConnection) -> dict[str, dict[str, Any]]:
    """Return how far each reaction has come with which version of its rules; ``after`` is None at the end."""
    return {row["name"]: row for row in await fetch(connection, _SWEEPS)}


async def keep_sweep(connection: AsyncConnection, name: str, *, version: int, after: UUID | None) -> None:
    """Write down how far a reaction has come."""
    await connection.execute(_KEEP_SWEEP, {"name": name, "version": version, "after": after})


async def next_leads(connection: AsyncConnection, after: UUID | None, *, limit: int) -> list[UUID]:
    """Return the ids of the leads after one, those that stand."""
    return [row["id"] for row in await fetch(connection, _NEXT_LEADS, after=after or NIL, limit=limit)]
