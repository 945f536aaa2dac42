"""The people of an account, and their buying roles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.leads.tables import leads
from service.nurture.accounts.parts_store import IS_STANDING, STANDING

_ACTIVE_AT: Final[ColumnElement[Any]] = func.coalesce(leads.c.last_activity_at, leads.c.acquired_at)
SORTS: Final[Mapping[str, ColumnElement[Any]]] = {
    "score": leads.c.score,
    "last_activity_at": _ACTIVE_AT,
    # Ids are UUIDv7: their order is the order of creation.
    "created_at": leads.c.id,
}
_SHOWN: Final = (
    *(leads.c[name] for name in ("id", "full_name", "email", "job_title", "stage", "furthest_stage", "score", "owner")),
    *(leads.c[name] for name in ("acquired_at", "last_activity_at", "version")),
    _ACTIVE_AT.label("active_at"),
)

# A lead that others were merged into has their roles until somebody says what its own is.
_SAID: Final = f"""WITH RECURSIVE family AS (
        SELECT id AS root, company_domain AS domain, id FROM leads WHERE {{whose}} AND {STANDING}
        UNION ALL
        SELECT family.root, family.domain, leads.id FROM leads JOIN family ON leads.merged_into = family.id)
    SELECT DISTINCT ON (root) root AS lead_id, domain, role, note, actor, at
    FROM family JOIN buying_roles ON buying_roles.lead_id = family.id AND ended_at IS NULL
    ORDER BY root, buying_roles.lead_id = root DESC, at DESC, buying_roles.id DESC"""
_SAID_OF_LEADS: Final = text(_SAID.format(whose="id = ANY(CAST(:ids AS uuid[]))"))
_SAID_OF_ACCOUNTS: Final = text(_SAID.format(whose="company_domain = ANY(CAST(:domains AS text[]))"))
_TITLES: Final = text(
    f"""SELECT company_domain AS domain, job_title, count(*) AS people FROM leads
    WHERE company_domain = ANY(CAST(:domains AS text[])) AND {STANDING} AND job_title <> ''
    AND id <> ALL(CAST(:said AS uuid[]))
    GROUP BY company_domain, job_title ORDER BY company_domain, people DESC, job_title"""
)
# As the leads' index has the words. They say which to compare; whether a name is the same is for the caller to say.
_NAMING: Final = text(
    f"""SELECT id, full_name, company_name FROM leads
    WHERE to_tsvector('simple'::regconfig, coalesce(full_name, '') || ' ' || coalesce(email, '') || ' '
        || coalesce(company_name, '')) @@ to_tsquery('simple', :words)
    AND company_domain IS NULL AND company_name IS NOT NULL AND {STANDING} ORDER BY id DESC LIMIT :limit"""
)
_EXISTS: Final = text(f"SELECT EXISTS (SELECT FROM leads WHERE company_domain = :domain AND {STANDING})")
_HISTORY: Final = text(
    """SELECT id, role, note, actor, at, ended_at FROM buying_roles
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) ORDER BY at, id"""
)
_END: Final = text("UPDATE buying_roles SET ended_at = :at WHERE lead_id = :lead_id AND ended_at IS NULL")
_ADD: Final = text(
    """INSERT INTO buying_roles (lead_id, id, role, note, actor, at)
    VALUES (:lead_id, :id, :role, :note, :actor, :at)"""
)
_FORGET_NOTES: Final = text(
    "UPDATE buying_roles SET note = NULL WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND note IS NOT NULL"
)


async def read_people(
    connection: AsyncConnection,
    domain: str,
    filters: Mapping[str, Sequence[str]],
    *,
    by: str,
    descending: bool,
    after: Sequence[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return up to ``limit`` people of an account after a place in the order; ``filters`` are columns with any of their values."""
    columns = [leads.c.id] if by == "created_at" else [SORTS[by], leads.c.id]
    statement: Select[Any] = (
        select(*_SHOWN)
        .where(leads.c.company_domain == domain, *IS_STANDING)
        .where(*(leads.c[name].in_(values) for name, values in filters.items()))
        .order_by(*(column.desc() if descending else column.asc() for column in columns))
        .limit(limit)
    )
    if after is not None:
        here, there = tuple_(*columns), tuple_(*after)
        statement = statement.where(here < there if descending else here > there)
    return await fetch(connection, statement)


async def read_person(connection: AsyncConnection, domain: str, lead_id: UUID) -> dict[str, Any] | None:
    """Return one of an account's people, or None."""
    statement = select(*_SHOWN).where(leads.c.id == lead_id, leads.c.company_domain == domain, *IS_STANDING)
    rows = await fetch(connection, statement)
    return rows[0] if rows else None


async def roles_of_leads(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return what was said last of these leads' roles; that somebody has none is said, too."""
    rows = await fetch(connection, _SAID_OF_LEADS, ids=sorted(ids)) if ids else []
    return {row["lead_id"]: row for row in rows}


async def roles_of_accounts(connection: AsyncConnection, domains: Collection[str]) -> list[dict[str, Any]]:
    """Return what was said last of the roles of these accounts' people."""
    return await fetch(connection, _SAID_OF_ACCOUNTS, domains=sorted(domains)) if domains else []


async def read_titles(
    connection: AsyncConnection, domains: Collection[str], *, said: Collection[UUID]
) -> list[dict[str, Any]]:
    """Return the job titles of accounts and how many have each, but for those whose role was said."""
    return await fetch(connection, _TITLES, domains=sorted(domains), said=sorted(said)) if domains else []


async def has_people(connection: AsyncConnection, domain: str) -> bool:
    """Say whether anybody of a company is known."""
    return bool((await connection.execute(_EXISTS, {"domain": domain})).scalar_one())


async def read_naming(connection: AsyncConnection, words: str, *, limit: int) -> list[dict[str, Any]]:
    """Return leads without a domain whose words have all of these (a ``tsquery``), the newest first: ``id, full_name, company_name``."""
    return await fetch(connection, _NAMING, words=words, limit=limit)


async def read_history(connection: AsyncConnection, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return all that was ever said of the role of a lead, with what was said of those merged into it."""
    return await fetch(connection, _HISTORY, ids=sorted(ids))


async def end_role(connection: AsyncConnection, lead_id: UUID, *, at: datetime) -> None:
    """End what was said last of a lead's own role; the lead must be locked."""
    await connection.execute(_END, {"lead_id": lead_id, "at": at})


async def add_role(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Say what a lead's role is (``lead_id, id, role, note, actor, at``); what was said before must have been ended."""
    await connection.execute(_ADD, dict(row))


async def forget_notes(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """Empty the notes on these leads' roles."""
    await connection.execute(_FORGET_NOTES, {"ids": sorted(ids)})
