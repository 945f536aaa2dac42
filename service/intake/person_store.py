"""The SQL of what raw deliveries hold of one person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

# Those that came to the leads, those that touchpoints and the like remember, and the repetitions of all these.
_OWN: Final = """WITH own AS (
        SELECT id FROM deliveries WHERE lead_ids && CAST(:lead_ids AS uuid[]) AND lead_ids <> '{}'
        UNION SELECT delivery_id FROM touchpoints WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) AND delivery_id IS NOT NULL
        UNION SELECT delivery_id FROM activities WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) AND delivery_id IS NOT NULL
        UNION SELECT delivery_id FROM consents WHERE lead_id = ANY(CAST(:lead_ids AS uuid[])) AND delivery_id IS NOT NULL
    ), every AS (
        SELECT id FROM own
        UNION SELECT deliveries.id FROM own JOIN deliveries
            ON outcome @> jsonb_build_array(jsonb_build_object('duplicate_of', own.id)) AND status = 'duplicate'
    )"""
_READ: Final = text(f"{_OWN} SELECT deliveries.* FROM deliveries JOIN every USING (id) ORDER BY id")
_EMPTY: Final = text(
    f"""{_OWN} UPDATE deliveries SET body = '', headers = '{{}}', query = '', detail = NULL
    WHERE id IN (SELECT id FROM every) RETURNING id"""
)
_CONTENT: Final = "encode(body, 'escape') || ' ' || query || ' ' || CAST(headers AS text)"
_PAGE_END: Final = text(
    """SELECT id FROM deliveries WHERE CAST(:after AS uuid) IS NULL OR id > :after ORDER BY id OFFSET :size LIMIT 1"""
)
_MAYBE: Final = text(
    f"""SELECT id, channel, received_at, method, headers, query, body
    FROM deliveries CROSS JOIN LATERAL (SELECT {_CONTENT} AS content OFFSET 0) AS whole
    WHERE (CAST(:after AS uuid) IS NULL OR id > :after) AND (CAST(:last AS uuid) IS NULL OR id <= :last)
        AND (body <> '' OR query <> '' OR headers <> '{{}}') AND received_at <= :until
        AND (lower(content) LIKE ANY(CAST(:likes AS text[])) OR content ~ CAST(:digits AS text))
    ORDER BY id"""
)
_EMPTY_THESE: Final = text(
    """UPDATE deliveries SET body = '', headers = '{}', query = '', detail = NULL, due_at = NULL,
        processed_at = coalesce(processed_at, :now),
        reason = CASE WHEN status IN ('received', 'pending_fetch') THEN 'erased' ELSE reason END,
        status = CASE WHEN status IN ('received', 'pending_fetch') THEN 'ignored' ELSE status END
    WHERE id IN (SELECT id FROM deliveries WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE)"""
)


async def deliveries_of(connection: AsyncConnection, lead_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the deliveries that came to leads, and the repetitions of these, oldest first."""
    return await fetch(connection, _READ, lead_ids=sorted(lead_ids))


async def empty_deliveries_of(connection: AsyncConnection, lead_ids: Collection[UUID]) -> list[UUID]:
    """Empty the raw deliveries that came to leads, and the repetitions of these; returns which."""
    return [row["id"] for row in await fetch(connection, _EMPTY, lead_ids=sorted(lead_ids))]


async def end_of_page(connection: AsyncConnection, *, after: UUID | None, size: int) -> UUID | None:
    """Return the id of the last of so many deliveries after one, or None if there are no more than these."""
    rows = await fetch(connection, _PAGE_END, after=after, size=size)
    return rows[0]["id"] if rows else None


async def maybe_mentioning(
    connection: AsyncConnection,
    likes: Sequence[str],
    digits: str | None,
    *,
    between: tuple[UUID | None, UUID | None],
    until: datetime,
) -> list[dict[str, Any]]:
    """Return deliveries after one id and up to another whose content is like one of these or matches the POSIX pattern; reads them all."""
    after, last = between
    return await fetch(connection, _MAYBE, likes=list(likes), digits=digits, after=after, last=last, until=until)


async def empty(connection: AsyncConnection, ids: Sequence[UUID], *, now: datetime) -> None:
    """Empty deliveries; those that wait are ignored from now on, because there is nobody left in them."""
    await connection.execute(_EMPTY_THESE, {"ids": list(ids), "now": now})


_EMPTY_REPETITIONS: Final = text(
    """UPDATE deliveries SET body = '', headers = '{}', query = '', detail = NULL FROM deliveries AS first
    WHERE deliveries.id = ANY(:ids) AND first.id = CAST(deliveries.outcome -> 0 ->> 'duplicate_of' AS uuid)
        AND first.body = '' AND first.headers = '{}'"""
)


async def empty_repetitions(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Empty those of these duplicates whose first delivery was emptied: its person was erased before they came."""
    await connection.execute(_EMPTY_REPETITIONS, {"ids": list(ids)})
