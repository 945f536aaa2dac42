"""The statements that are a transaction each: all of a new lead, or all of a move, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps
from service.leads.identities import Identity
from service.leads.privacy.suppression_store import held_by
from service.leads.store import CHANGED, Rows, part_of

_UNIQUE_VIOLATION: Final = "23505"
_ALL: Final = " WHERE EXISTS (SELECT FROM held)"

# Somebody who claims one of the identities at the same moment makes the whole statement fail on their key: no half of it stays.
_NEW: Final = f"""claim AS (
    SELECT kind, value, CAST(:claimant AS uuid) AS lead_id
    FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS claim (kind, value)
), held AS (
    SELECT WHERE NOT EXISTS (SELECT FROM identities JOIN claim USING (kind, value)) AND NOT EXISTS ({held_by("claim")})
), claimed AS (
    INSERT INTO identities (kind, value, lead_id, created_at)
    SELECT kind, value, lead_id, CAST(:now AS timestamptz) FROM claim{_ALL} ORDER BY kind COLLATE "C", value COLLATE "C"
)"""


async def write_new(
    connection: AsyncConnection,
    rows: Mapping[str, Rows],
    identities: Sequence[Identity],
    *,
    lead_id: UUID,
    now: datetime,
) -> bool:
    """Write a new lead with its identities; False, and nothing is written, if one of those is another lead's or is suppressed."""
    claims = {"kinds": [one.kind for one in identities], "values": [one.value for one in identities]}
    try:
        return await _write(connection, rows, _statement_of_new, now=now, claimant=lead_id, **claims)
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
            return False
        raise


async def write_unless_changed(connection: AsyncConnection, rows: Mapping[str, Rows], *, version: int) -> bool:
    """Write what happens to one lead; False, and nothing is written, if it is not in this version any more.

    Whoever writes to the lead at the moment is waited for: the row that is updated is looked at again then.
    """
    changed = rows[CHANGED][0]["id"]
    return await _write(connection, rows, _statement_of_change, version=version, changed_ids=[changed])


async def _write(
    connection: AsyncConnection,
    rows: Mapping[str, Rows],
    statement_of: Callable[[tuple[str, ...]], TextClause],
    **given: Any,
) -> bool:
    parts = {name: dumps(some) for name, some in rows.items() if some}
    return bool((await connection.execute(statement_of(tuple(sorted(parts))), parts | given)).scalar_one())


@cache
def _statement_of_new(parts: tuple[str, ...]) -> TextClause:
    return _statement(_NEW, parts)


@cache
def _statement_of_change(parts: tuple[str, ...]) -> TextClause:
    held = f"held AS ({part_of(CHANGED)} AND leads.version = :version RETURNING leads.id)"
    return _statement(held, tuple(name for name in parts if name != CHANGED))


def _statement(first: str, parts: tuple[str, ...]) -> TextClause:
    written = ", ".join([first, *(f"w{number} AS ({part_of(name, _ALL)})" for number, name in enumerate(parts))])
    return text(f"WITH {written} SELECT EXISTS (SELECT FROM held)")
