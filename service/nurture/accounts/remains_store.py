"""What is left of somebody who was erased: nothing of them, and what their company had brought."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.core.ids import NIL
from service.nurture.accounts.parts_store import STANDING

# The rows of the leads are still as they were: they are emptied when all others have done their part.
_ERASED: Final = (
    f"SELECT * FROM leads WHERE id = ANY(CAST(:ids AS uuid[])) AND company_domain IS NOT NULL AND {STANDING}"
)
# Where they are, and where they ever were: their own events are emptied after this.
_DOMAINS: Final = """SELECT company_domain FROM leads WHERE id = ANY(CAST(:ids AS uuid[])) AND company_domain IS NOT NULL
    UNION SELECT data #>> '{lead,company,domain}' FROM outbox
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND data #>> '{lead,company,domain}' IS NOT NULL"""
_FORGOTTEN: Final = text(
    f"""SELECT domain FROM ({_DOMAINS}) AS left_by (domain)
    WHERE NOT EXISTS (SELECT FROM leads AS other WHERE other.company_domain = left_by.domain
        AND other.id <> ALL(CAST(:ids AS uuid[])) AND other.merged_into IS NULL AND other.erased_at IS NULL)"""
)
_KEEP: Final = text(
    f"""INSERT INTO account_remains (domain, currency, deals, amount)
    SELECT lead.company_domain, CASE WHEN journey.amount IS NULL THEN '' ELSE journey.currency END AS currency, count(*),
        coalesce(sum(journey.amount), 0)
    FROM ({_ERASED}) AS lead JOIN journeys AS journey ON journey.lead_id = lead.id
    WHERE journey.won_at IS NOT NULL GROUP BY 1, 2
    ON CONFLICT (domain, currency) DO UPDATE
    SET deals = account_remains.deals + excluded.deals, amount = account_remains.amount + excluded.amount"""
)
# Without rules there is nobody who would look.
_MARK_DUE: Final = text(
    f"""INSERT INTO accounts_due (domain) SELECT company_domain FROM ({_DOMAINS}) AS theirs
    WHERE EXISTS (SELECT FROM rule_versions WHERE name = :rules) ON CONFLICT DO NOTHING"""
)
_REDACT: Final = text(
    """UPDATE outbox SET data = CAST(data AS jsonb) || '{"account": {"id": null, "domain": null}}'
    WHERE lead_id = :nil AND type = 'account.tier_changed' AND data #>> '{account,domain}' = ANY(CAST(:domains AS text[]))"""
)
_FORGET: Final = tuple(
    text(f"DELETE FROM {table} WHERE domain = ANY(CAST(:domains AS text[]))")
    for table in ("account_tiers", "account_remains")
)


async def keep_remains(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """Add what these leads won to what their companies keep of the erased."""
    await connection.execute(_KEEP, {"ids": sorted(ids)})


async def mark_due(connection: AsyncConnection, ids: Collection[UUID], *, rules: str) -> None:
    """Have the accounts of these leads looked at again, if there are rules of this name."""
    await connection.execute(_MARK_DUE, {"ids": sorted(ids), "rules": rules})


async def left_by(connection: AsyncConnection, ids: Collection[UUID]) -> list[str]:
    """Return the accounts that have nobody but these leads."""
    return [row["domain"] for row in await fetch(connection, _FORGOTTEN, ids=sorted(ids))]


async def forget_accounts(connection: AsyncConnection, domains: Collection[str]) -> None:
    """Forget accounts, in events as well."""
    await connection.execute(_REDACT, {"nil": NIL, "domains": sorted(domains)})
    for statement in _FORGET:
        await connection.execute(statement, {"domains": sorted(domains)})
