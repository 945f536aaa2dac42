"""All SQL of custom attributes."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.leads.attributes.tables import attribute_definitions as definitions

# Reads every lead that has attributes. Which type an undefined attribute seems to have, and which values of a defined one are not of
# its type, is counted in the same pass.
_SEEN: Final = """
    SELECT coalesce(d.key, seen.key) AS key, d.type, d.label, d.choices, d.created_at, d.updated_at,
           coalesce(seen.count, 0) AS count, coalesce(seen.unfit, 0) AS unfit,
           seen.numbers = seen.count AS is_number, seen.booleans = seen.count AS is_boolean, seen.days = seen.count AS is_date
    FROM (SELECT * FROM attribute_definitions WHERE {mine}) AS d
    FULL JOIN (
        SELECT one.key, count(*) AS count,
               count(*) FILTER (WHERE kind = 'number') AS numbers,
               count(*) FILTER (WHERE kind = 'boolean') AS booleans,
               count(*) FILTER (WHERE is_day) AS days,
               count(*) FILTER (WHERE NOT CASE known.type
                   WHEN 'text' THEN kind = 'string' WHEN 'number' THEN kind = 'number' WHEN 'boolean' THEN kind = 'boolean'
                   WHEN 'date' THEN is_day WHEN 'choice' THEN kind = 'string' AND one.value #>> '{{}}' = ANY(known.choices)
               END) AS unfit
        FROM leads
        CROSS JOIN LATERAL {each}
        CROSS JOIN LATERAL (SELECT jsonb_typeof(one.value)) AS typed(kind)
        CROSS JOIN LATERAL (SELECT kind = 'string' AND one.value #>> '{{}}' ~ '^\\d{{4}}-\\d{{2}}-\\d{{2}}$') AS dated(is_day)
        LEFT JOIN attribute_definitions AS known ON known.key = one.key
        WHERE {having} AND leads.erased_at IS NULL AND leads.merged_into IS NULL
        GROUP BY one.key
    ) AS seen ON seen.key = d.key
    ORDER BY coalesce(d.key, seen.key) COLLATE "C" LIMIT :limit
"""
_ALL: Final = text(
    _SEEN.format(
        mine='CAST(:after AS text) IS NULL OR key COLLATE "C" > :after',
        each="jsonb_each(leads.attributes) AS one",
        having="leads.attributes <> '{}' AND (CAST(:after AS text) IS NULL OR one.key COLLATE \"C\" > :after)",
    )
)
_ONE: Final = text(
    _SEEN.format(
        mine="key = :key",
        each="(SELECT CAST(:key AS text), leads.attributes -> :key) AS one(key, value)",
        having="leads.attributes <> '{}' AND one.value IS NOT NULL",
    )
)


async def read_definitions(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return all definitions."""
    return await fetch(connection, select(definitions).order_by(definitions.c.key))


async def list_attributes(connection: AsyncConnection, *, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Return up to ``limit`` attributes, defined or seen on leads, whose key comes after another one."""
    return await fetch(connection, _ALL, after=after, limit=limit)


async def read_attribute(connection: AsyncConnection, key: str) -> dict[str, Any] | None:
    """Return an attribute that is defined or seen on a lead, or None."""
    rows = await fetch(connection, _ONE, key=key, limit=1)
    return rows[0] if rows else None


async def add_definition(connection: AsyncConnection, row: dict[str, Any]) -> bool:
    """Insert a definition; False if there is one of its key."""
    statement = insert(definitions).values(row).on_conflict_do_nothing().returning(definitions.c.key)
    return (await connection.execute(statement)).first() is not None


async def lock_definition(connection: AsyncConnection, key: str) -> dict[str, Any] | None:
    """Return a definition, locked, or None."""
    rows = await fetch(connection, select(definitions).where(definitions.c.key == key).with_for_update())
    return rows[0] if rows else None


async def change_definition(connection: AsyncConnection, key: str, values: dict[str, Any]) -> None:
    """Change columns of a definition."""
    await connection.execute(update(definitions).where(definitions.c.key == key).values(values))


async def delete_definition(connection: AsyncConnection, key: str) -> bool:
    """Delete a definition; False if there is none."""
    return bool((await connection.execute(delete(definitions).where(definitions.c.key == key))).rowcount)
