"""What rules and readers ask of accounts, gathered for many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.nurture.accounts import people_store, summary_store
from service.nurture.accounts.present import amounts_of
from service.nurture.accounts.roles import Role, suggested
from service.nurture.accounts.tiers import AccountTiers, Facts
from service.nurture.activities.kinds import KINDS

OUTBOUND: Final = tuple(one.kind for one in KINDS if one.direction == "outbound")
SYSTEM: Final = tuple(one.kind for one in KINDS if one.direction == "system")
NOT_THEIRS: Final = (*OUTBOUND, *SYSTEM)
"""Kinds of activities that say nothing of whether somebody is engaged: we did them, or a machine did."""

Held = dict[str, dict[Role, list[UUID]]]
Supposed = dict[str, Counter[Role]]


async def roles_of(connection: AsyncConnection, domains: Collection[str]) -> tuple[Held, Supposed]:
    """Return, by account and role, who was said to have it, and how many others have a title that speaks for it."""
    held: Held = {domain: {} for domain in domains}
    said = [row for row in await people_store.roles_of_accounts(connection, domains) if row["role"] is not None]
    for row in said:
        held[row["domain"]].setdefault(Role(row["role"]), []).append(row["lead_id"])
    supposed: Supposed = {domain: Counter() for domain in domains}
    for row in await people_store.read_titles(connection, domains, said=[one["lead_id"] for one in said]):
        if guess := suggested(row["job_title"]):
            supposed[row["domain"]][guess.role] += row["people"]
    return held, supposed


async def facts_of(
    connection: AsyncConnection, rules: AccountTiers, domains: Collection[str], *, now: datetime
) -> dict[str, Facts]:
    """Return what rules ask of accounts, by domain; those that have nobody are left out."""
    rows = await summary_store.read_summaries(connection, domains)
    engaged = await summary_store.count_engaged(connection, rows, rules.windows, not_theirs=NOT_THEIRS, now=now)
    held, supposed = await roles_of(connection, rows if rules.counts_roles else ())
    return {
        domain: Facts(
            domain=domain,
            people=row["people"],
            score=row["score"] or 0,
            stages=row["stages"],
            **{name: (row["facts"] or {}).get(name, {}).get("value") for name in ("industry", "size", "country")},
            open_amounts=amounts_of(row["open"]),
            won_amounts=amounts_of(row["won"]),
            engaged=engaged.get(domain, {}),
            roles=frozenset(held.get(domain, ())),
            suggested_roles=frozenset(supposed.get(domain, ())),
        )
        for domain, row in rows.items()
    }
