"""The SQL of matching: the keys of leads, who shares them, and the leads as they are compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_COLUMNS: Final = """id, email, phone, full_name, first_name, last_name, job_title, company_name, company_domain, country, region,
    attributes, test, erased_at, merged_into"""
_LEADS: Final = text(f"SELECT {_COLUMNS} FROM leads WHERE id = ANY(CAST(:ids AS uuid[]))")
_ROUGHLY: Final = text("SELECT greatest(reltuples, -1)::bigint AS size FROM pg_class WHERE oid = 'leads'::regclass")
_EXACTLY: Final = text("SELECT count(*) AS size FROM leads")
_ALL: Final = text(f"SELECT {_COLUMNS} FROM leads WHERE erased_at IS NULL AND merged_into IS NULL LIMIT :limit")
_SOME: Final = text(
    f"""SELECT {_COLUMNS} FROM leads TABLESAMPLE SYSTEM (CAST(:share AS real))
    WHERE erased_at IS NULL AND merged_into IS NULL LIMIT :limit"""
)
_BLOCKS: Final = text(
    """SELECT wanted.key, found.lead_id FROM unnest(CAST(:keys AS bigint[])) AS wanted (key)
    CROSS JOIN LATERAL (SELECT lead_id FROM match_keys WHERE match_keys.key = wanted.key LIMIT :limit) AS found"""
)
_ADD: Final = text(
    """INSERT INTO match_keys (lead_id, key)
    SELECT * FROM unnest(CAST(:leads AS uuid[]), CAST(:keys AS bigint[])) ON CONFLICT DO NOTHING"""
)
_FORGET: Final = text("DELETE FROM match_keys WHERE lead_id = ANY(CAST(:ids AS uuid[]))")
# Below this many leads counting them is quick.
_COUNTABLE: Final = 50_000


async def read_leads(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return leads as they are compared, by id."""
    rows = await fetch(connection, _LEADS, ids=list(ids)) if ids else []
    return {row["id"]: row for row in rows}


async def count_leads(connection: AsyncConnection) -> int:
    """Return how many leads there are; of many, roughly."""
    roughly: int = (await fetch(connection, _ROUGHLY))[0]["size"]
    if roughly > _COUNTABLE:
        return roughly
    exactly: int = (await fetch(connection, _EXACTLY))[0]["size"]
    return exactly


async def sample_leads(connection: AsyncConnection, *, size: int, limit: int) -> list[dict[str, Any]]:
    """Return a sample of the leads, or all of them if they are few."""
    if size <= limit:
        return await fetch(connection, _ALL, limit=limit)
    return await fetch(connection, _SOME, share=min(100.0, 150.0 * limit / size), limit=limit)


async def read_blocks(connection: AsyncConnection, keys: Collection[int], *, limit: int) -> dict[int, list[UUID]]:
    """Return who has each of these keys, up to ``limit`` leads a key."""
    blocks: dict[int, list[UUID]] = {}
    for row in await fetch(connection, _BLOCKS, keys=list(keys), limit=limit) if keys else ():
        blocks.setdefault(row["key"], []).append(row["lead_id"])
    return blocks


async def add_keys(connection: AsyncConnection, keys: Mapping[UUID, Sequence[int]]) -> None:
    """Add keys of leads."""
    pairs = [(lead_id, key) for lead_id, some in keys.items() for key in some]
    if pairs:
        await connection.execute(_ADD, {"leads": [one for one, _ in pairs], "keys": [key for _, key in pairs]})


async def forget_keys(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """Delete all keys of leads."""
    if ids:
        await connection.execute(_FORGET, {"ids": list(ids)})
