"""The tiers of accounts: which the rules gave them, and which accounts are to be looked at again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.nurture.accounts.parts_store import RANK, STANDING

_TIERS: Final = text(
    """SELECT domain, tier, version, why, since FROM account_tiers WHERE domain = ANY(CAST(:domains AS text[]))"""
)
_KEEP: Final = text(
    """INSERT INTO account_tiers (domain, tier, version, why, since, evaluated_at)
    SELECT domain, tier, version, why, since, evaluated_at
    FROM json_populate_recordset(NULL::account_tiers, CAST(:rows AS json))
    ON CONFLICT (domain) DO UPDATE SET tier = excluded.tier, version = excluded.version, why = excluded.why,
        since = excluded.since, evaluated_at = excluded.evaluated_at"""
)
_DROP: Final = text("DELETE FROM account_tiers WHERE domain = ANY(CAST(:domains AS text[]))")
_TAKE_DUE: Final = text(
    """DELETE FROM accounts_due WHERE domain IN (
        SELECT domain FROM accounts_due ORDER BY domain LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING domain"""
)
# Where people were, too, when the events that tell of it were written: they may have left.
_BEFORE: Final = text(
    """SELECT DISTINCT data #>> '{lead,company,domain}' AS domain FROM outbox
    JOIN unnest(CAST(:ids AS uuid[]), CAST(:since AS integer[])) AS told (lead_id, since)
        ON told.lead_id = outbox.lead_id AND outbox.sequence >= told.since - 1
    WHERE data #>> '{lead,company,domain}' IS NOT NULL"""
)
_DOMAINS: Final = text(
    """SELECT DISTINCT company_domain AS domain FROM leads
    WHERE id = ANY(CAST(:ids AS uuid[])) AND company_domain IS NOT NULL"""
)
_NEXT: Final = text(
    f"""SELECT company_domain AS domain FROM leads WHERE company_domain > :after AND {STANDING}
    GROUP BY company_domain ORDER BY company_domain LIMIT :limit"""
)
_COUNTS: Final = text(
    f"""SELECT tier, rank, count(*) AS accounts, sum(people)::bigint AS people FROM (
        SELECT company_domain AS domain, max({RANK}) AS rank, count(*) AS people
        FROM leads WHERE company_domain IS NOT NULL AND {STANDING} GROUP BY company_domain) AS account
    LEFT JOIN account_tiers USING (domain) GROUP BY tier, rank ORDER BY tier NULLS LAST, rank DESC"""
)


async def read_tiers(connection: AsyncConnection, domains: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what the rules said of accounts, by domain."""
    rows = await fetch(connection, _TIERS, domains=sorted(domains)) if domains else []
    return {row["domain"]: row for row in rows}


async def keep_tiers(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write down what the rules said (``domain, tier, version, why, since, evaluated_at``)."""
    await connection.execute(_KEEP, {"rows": dumps(list(rows))})


async def drop_tiers(connection: AsyncConnection, domains: Collection[str]) -> None:
    """Forget accounts that have nobody any more."""
    await connection.execute(_DROP, {"domains": sorted(domains)})


async def take_due(connection: AsyncConnection, *, limit: int) -> set[str]:
    """Take accounts that are to be looked at, of whom no event tells."""
    return {row["domain"] for row in await fetch(connection, _TAKE_DUE, limit=limit)}


async def domains_since(connection: AsyncConnection, since: Mapping[UUID, int]) -> set[str]:
    """Return the accounts that leads have been in since just before a version of theirs."""
    if not since:
        return set()
    rows = await fetch(connection, _BEFORE, ids=list(since), since=list(since.values()))
    return {row["domain"] for row in rows}


async def domains_of(connection: AsyncConnection, ids: Collection[UUID]) -> set[str]:
    """Return the accounts of leads, those that were merged included."""
    return {row["domain"] for row in await fetch(connection, _DOMAINS, ids=sorted(ids))} if ids else set()


async def next_domains(connection: AsyncConnection, after: str, *, limit: int) -> list[str]:
    """Return the next accounts by domain."""
    return [row["domain"] for row in await fetch(connection, _NEXT, after=after, limit=limit)]


async def count_accounts(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return how many accounts, and people, there are by tier and by how far the furthest of their people came."""
    return await fetch(connection, _COUNTS)
