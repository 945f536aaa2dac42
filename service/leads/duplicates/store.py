"""The SQL of pairs of leads that may be one person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch

_COLUMNS: Final = (
    """lead_id, other_id, id, status, found_by, score, why, carried_from, found_at, decided_at, decided_by, merge_id"""
)
# What people decided stands; so does what their rules or a submission made of a pair.
_PUT: Final = text(
    f"""INSERT INTO duplicates ({_COLUMNS})
    SELECT {_COLUMNS} FROM json_populate_recordset(NULL::duplicates, CAST(:rows AS json)) ORDER BY lead_id, other_id
    ON CONFLICT (lead_id, other_id) DO UPDATE
    SET score = excluded.score, why = excluded.why,
        status = CASE WHEN duplicates.found_by = 'similar' THEN excluded.status ELSE duplicates.status END
    WHERE duplicates.status = 'open'
        AND (duplicates.score, duplicates.why, duplicates.status) IS DISTINCT FROM (excluded.score, excluded.why, excluded.status)"""
)
_DROP: Final = text(
    """DELETE FROM duplicates WHERE (lead_id, other_id) IN (
        SELECT lead_id, other_id FROM duplicates
        WHERE (lead_id = ANY(CAST(:ids AS uuid[])) OR other_id = ANY(CAST(:ids AS uuid[])))
            AND status = 'open' AND found_by = 'similar'
            AND NOT (id = ANY(CAST(:kept AS uuid[])))
        ORDER BY lead_id, other_id FOR UPDATE)"""
)
_KNOWN: Final = text(
    """SELECT id, lead_id, other_id, status, found_by FROM duplicates
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) OR other_id = ANY(CAST(:ids AS uuid[]))"""
)
_ALIVE: Final = """EXISTS (SELECT FROM leads WHERE leads.id = duplicates.lead_id AND merged_into IS NULL AND erased_at IS NULL)
    AND EXISTS (SELECT FROM leads WHERE leads.id = duplicates.other_id AND merged_into IS NULL AND erased_at IS NULL)"""
_PAGE: Final = f"""SELECT {_COLUMNS} FROM duplicates
    WHERE status = :status AND score >= :min_score {{filters}}
    ORDER BY score DESC, id DESC LIMIT :limit"""
_OF_LEAD: Final = "AND (lead_id = :lead_id OR other_id = :lead_id)"
_AFTER: Final = "AND (score, id) < (:after_score, CAST(:after_id AS uuid))"
_ONE: Final = text(f"SELECT {_COLUMNS} FROM duplicates WHERE id = :id")
_DECIDE: Final = text(
    """UPDATE duplicates SET status = :status, decided_at = :now, decided_by = :by, merge_id = :merge_id
    WHERE lead_id = :lead_id AND other_id = :other_id"""
)
_PENDING: Final = text(
    f"""WITH first AS MATERIALIZED (
        SELECT {_COLUMNS} FROM duplicates WHERE status = 'pending' ORDER BY score DESC, id DESC LIMIT 10)
    SELECT * FROM first WHERE pg_try_advisory_xact_lock(hashtextextended(CAST(id AS text), 0)) LIMIT 1"""
)
_REOPEN: Final = text(
    """UPDATE duplicates SET status = 'open' WHERE lead_id = :lead_id AND other_id = :other_id AND status = 'pending'"""
)
_MERGED: Final = text(
    """INSERT INTO duplicates (lead_id, other_id, id, status, found_by, score, why, found_at, decided_at, decided_by, merge_id)
    VALUES (least(CAST(:one AS uuid), :other), greatest(CAST(:one AS uuid), :other), :id, :status, 'review', 10000, '[]', :now, :now, NULL,
        :merge_id)
    ON CONFLICT (lead_id, other_id) DO UPDATE
    SET status = excluded.status, decided_at = excluded.decided_at, merge_id = excluded.merge_id,
        decided_by = CASE WHEN duplicates.status = excluded.status THEN duplicates.decided_by END"""
)
# What was decided of a merged lead, or is to be, holds for the one it became part of.
_CARRY: Final = text(
    f"""INSERT INTO duplicates ({_COLUMNS})
    SELECT least(CAST(:survivor AS uuid), x.third), greatest(CAST(:survivor AS uuid), x.third), gen_random_uuid(), x.status, x.found_by,
        x.score, x.why, CAST(:merged AS uuid), x.found_at, x.decided_at, x.decided_by, NULL
    FROM (SELECT duplicates.*, CASE WHEN lead_id = :merged THEN other_id ELSE lead_id END AS third FROM duplicates
        WHERE (lead_id = :merged OR other_id = :merged)
            AND (status IN ('dismissed', 'pending') OR (status = 'open' AND found_by <> 'similar'))) AS x
    WHERE x.third <> :survivor ORDER BY 1, 2
    ON CONFLICT (lead_id, other_id) DO NOTHING"""
)
_CARRY_BACK: Final = text(
    "DELETE FROM duplicates WHERE carried_from = :merged AND (lead_id = :survivor OR other_id = :survivor)"
)
_LEADS: Final = text("SELECT * FROM leads WHERE id = ANY(CAST(:ids AS uuid[]))")
_SURVIVORS: Final = text(
    """WITH RECURSIVE path AS (
        SELECT id AS origin, id, merged_into FROM leads WHERE id = ANY(CAST(:ids AS uuid[]))
        UNION ALL SELECT path.origin, leads.id, leads.merged_into FROM path JOIN leads ON leads.id = path.merged_into)
    SELECT origin, id FROM path WHERE merged_into IS NULL"""
)


async def put_pairs(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add pairs, or renew what is said of those still open."""
    if rows:
        await connection.execute(_PUT, {"rows": dumps(list(rows))})


async def known_pairs(connection: AsyncConnection, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the pairs that leads are in: ``id, lead_id, other_id, status, found_by``."""
    return await fetch(connection, _KNOWN, ids=list(ids)) if ids else []


async def drop_similar(connection: AsyncConnection, ids: Collection[UUID], *, kept: Collection[UUID]) -> None:
    """Delete the open pairs of leads that only a comparison had found, but for the ``kept`` ones."""
    if ids:
        await connection.execute(_DROP, {"ids": list(ids), "kept": list(kept)})


async def read_page(
    connection: AsyncConnection,
    *,
    status: str,
    min_score: int,
    lead_id: UUID | None,
    after: tuple[int, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return pairs of a status, the most alike first; of open ones only those whose leads both still stand for themselves."""
    filters = [_OF_LEAD] if lead_id is not None else []
    filters += [_AFTER] if after is not None else []
    filters += [f"AND {_ALIVE}"] if status in {"open", "pending"} else []
    values: dict[str, Any] = {"status": status, "min_score": min_score, "limit": limit}
    values |= {"lead_id": lead_id} if lead_id is not None else {}
    values |= {"after_score": after[0], "after_id": after[1]} if after is not None else {}
    return await fetch(connection, text(_PAGE.format(filters=" ".join(filters))), **values)


async def read_pair(connection: AsyncConnection, pair_id: UUID) -> dict[str, Any] | None:
    """Return one pair, or None."""
    rows = await fetch(connection, _ONE, id=pair_id)
    return rows[0] if rows else None


async def decide(
    connection: AsyncConnection,
    pair: Mapping[str, Any],
    *,
    status: str,
    by: str,
    now: datetime,
    merge_id: UUID | None = None,
) -> None:
    """Write down what became of a pair."""
    values = {"lead_id": pair["lead_id"], "other_id": pair["other_id"]}
    await connection.execute(_DECIDE, {**values, "status": status, "by": by, "now": now, "merge_id": merge_id})


async def next_pending(connection: AsyncConnection) -> dict[str, Any] | None:
    """Return a pair that is to be merged, and keep other processes from taking it until this transaction ends.

    The row itself is not locked: leads come first in the order of locks.
    """
    rows = await fetch(connection, _PENDING)
    return rows[0] if rows else None


async def reopen(connection: AsyncConnection, pair: Mapping[str, Any]) -> None:
    """Leave a pair that was to be merged for a person to decide."""
    await connection.execute(_REOPEN, {"lead_id": pair["lead_id"], "other_id": pair["other_id"]})


async def note_merge(
    connection: AsyncConnection,
    one: UUID,
    other: UUID,
    *,
    status: str,
    pair_id: UUID,
    merge_id: UUID,
    now: datetime,
) -> None:
    """Write down that two leads were merged, or, once that was undone, that they are not one."""
    values = {"one": one, "other": other, "status": status, "id": pair_id, "merge_id": merge_id, "now": now}
    await connection.execute(_MERGED, values)


async def carry_over(connection: AsyncConnection, *, merged: UUID, survivor: UUID) -> None:
    """Say of a survivor what was decided of the lead that became part of it."""
    await connection.execute(_CARRY, {"merged": merged, "survivor": survivor})


async def carry_back(connection: AsyncConnection, *, merged: UUID, survivor: UUID) -> None:
    """Take back from a survivor what was said of it for the sake of a lead that stands for itself again."""
    await connection.execute(_CARRY_BACK, {"merged": merged, "survivor": survivor})


async def survivors_of(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return which lead each of these lives on in now: itself, if it was not merged."""
    return {row["origin"]: row["id"] for row in await fetch(connection, _SURVIVORS, ids=list(ids))}


async def read_leads(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return whole leads by id."""
    return {row["id"]: row for row in await fetch(connection, _LEADS, ids=list(ids))} if ids else {}
