"""The SQL of suppressions: who must not be contacted or let in unnoticed, known by the HMAC of what identifies them.

The key never leaves the database, and no value is stored: a hash is made where the value passes by.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch


def hmac_of(name: str) -> str:
    """Return SQL for the HMAC-SHA-256 (RFC 2104) of a text, with the installation's key; ``name`` is SQL itself."""
    pepper = "(SELECT pepper FROM installation)"
    inner = f"sha256(substring({pepper} from 1 for 64) || convert_to({name}, 'UTF8'))"
    return f"sha256(substring({pepper} from 65 for 64) || {inner})"


def held_by(claims: str) -> str:
    """Return SQL for what is suppressed of a relation with ``kind`` and ``value`` of identities: ``kind, value, held_as, reason``.

    An e-mail is held by its domain too. Nothing is hashed while nothing is suppressed. The OFFSET keeps the planner to a look into the
    index for each, where it would rather read all suppressions for a large batch.
    """
    return f"""SELECT one.kind, one.value, held.kind AS held_as, held.reason
    FROM (SELECT * FROM {claims} WHERE EXISTS (SELECT FROM suppressions)) AS one
    CROSS JOIN LATERAL (VALUES (one.kind || ':' || one.value),
        (CASE WHEN one.kind = 'email' THEN 'domain:' || split_part(one.value, '@', 2) END)) AS called (name)
    CROSS JOIN LATERAL (
        SELECT kind, reason FROM suppressions WHERE hash = {hmac_of("called.name")} OFFSET 0) AS held"""


_NAMED: Final = f"SELECT {hmac_of('CAST(:name AS text)')} AS hash"
_ADD: Final = text(
    f"""INSERT INTO suppressions (hash, reason, kind, actor, created_at)
    SELECT hash, :reason, :kind, :actor, :now FROM ({_NAMED}) AS one ON CONFLICT DO NOTHING
    RETURNING kind, reason, actor, created_at"""
)
_READ: Final = text(
    f"""SELECT kind, reason, actor, created_at FROM suppressions
    WHERE hash = ({_NAMED}) ORDER BY reason"""
)
_REMOVE: Final = text(
    f"""DELETE FROM suppressions WHERE hash = ({_NAMED}) AND reason = coalesce(:reason, reason)
    RETURNING kind, reason, actor, created_at"""
)
_LIST: Final = text(
    """SELECT kind, reason, actor, created_at, encode(hash, 'hex') AS hash FROM suppressions
    WHERE (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:reason AS text) IS NULL OR reason = :reason)
        AND (CAST(:before AS timestamptz) IS NULL
            OR (created_at, encode(hash, 'hex') || reason) < (CAST(:before AS timestamptz), CAST(:before_key AS text)))
    ORDER BY created_at DESC, encode(hash, 'hex') || reason DESC LIMIT :limit"""
)
_ADD_IDENTITIES: Final = text(
    f"""INSERT INTO suppressions (hash, reason, kind, actor, created_at)
    SELECT DISTINCT {hmac_of("kind || ':' || value")}, 'erased', split_part(kind, ':', 1), :actor, CAST(:now AS timestamptz)
    FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS one (kind, value) ON CONFLICT DO NOTHING"""
)
_HELD_LEADS: Final = text(
    f"""WITH own AS (SELECT kind, value, lead_id FROM identities WHERE lead_id = ANY(CAST(:ids AS uuid[])))
    SELECT own.lead_id, held.held_as, held.reason FROM own JOIN ({held_by("own")}) AS held USING (kind, value)"""
)
_LEADS_OF_DOMAIN: Final = text(
    "SELECT DISTINCT lead_id FROM identities WHERE kind = 'email' AND right(value, length(:ending)) = :ending"
)

Row = dict[str, Any]


async def add(
    connection: AsyncConnection, *, name: str, kind: str, reason: str, actor: str, now: datetime
) -> Row | None:
    """Suppress something by its name (``email:ada@example.com``), and return the new row; None if it was suppressed already."""
    rows = await fetch(connection, _ADD, name=name, kind=kind, reason=reason, actor=actor, now=now)
    return rows[0] if rows else None


async def read(connection: AsyncConnection, *, name: str) -> list[Row]:
    """Return for what reasons something is suppressed."""
    return await fetch(connection, _READ, name=name)


async def remove(connection: AsyncConnection, *, name: str, reason: str | None) -> list[Row]:
    """Lift suppressions of something, for one reason or for all, and return them."""
    return await fetch(connection, _REMOVE, name=name, reason=reason)


async def list_page(
    connection: AsyncConnection,
    *,
    kind: str | None,
    reason: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """Return suppressions, the latest first, before a place in that order."""
    at, key = before or (None, None)
    return await fetch(connection, _LIST, kind=kind, reason=reason, before=at, before_key=key, limit=limit)


async def add_identities(
    connection: AsyncConnection, identities: Sequence[tuple[str, str]], *, actor: str, now: datetime
) -> None:
    """Remember identities by hash, as erased."""
    columns = {"kinds": [kind for kind, _ in identities], "values": [value for _, value in identities]}
    await connection.execute(_ADD_IDENTITIES, {**columns, "actor": actor, "now": now})


async def held_leads(connection: AsyncConnection, lead_ids: Collection[UUID]) -> Mapping[UUID, list[tuple[str, str]]]:
    """Return of which leads something is suppressed: (what kind it is, why)."""
    found: dict[UUID, list[tuple[str, str]]] = {}
    for row in await fetch(connection, _HELD_LEADS, ids=sorted(lead_ids)):
        found.setdefault(row["lead_id"], []).append((row["held_as"], row["reason"]))
    return found


async def leads_of_domain(connection: AsyncConnection, domain: str) -> list[UUID]:
    """Return the leads that have an e-mail of a domain; reads every identity."""
    return [row["lead_id"] for row in await fetch(connection, _LEADS_OF_DOMAIN, ending=f"@{domain}")]
