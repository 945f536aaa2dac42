"""Trying rules for tiers: what would become of every account, and nothing is changed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.nurture.accounts import tier_store
from service.nurture.accounts.gathering import facts_of
from service.nurture.accounts.tiers import AccountTiers, tier_of

_AT_ONCE: Final = 1000
_SHOWN: Final = 100
NONE: Final = "none"


async def try_rules(connection: AsyncConnection, rules: AccountTiers, *, now: datetime) -> dict[str, Any]:
    """Return how many accounts are of which tier, how many would be, and the first of those that would change."""
    before: Counter[str] = Counter()
    after = Counter(dict.fromkeys((tier.key for tier in rules.tiers), 0))
    accounts = changed = 0
    shown: list[dict[str, Any]] = []
    last = ""
    while domains := await tier_store.next_domains(connection, last, limit=_AT_ONCE):
        last = domains[-1]
        held = await tier_store.read_tiers(connection, domains)
        for domain, facts in (await facts_of(connection, rules, domains, now=now)).items():
            tier = held[domain]["tier"] if domain in held else None
            verdict = tier_of(rules, facts)
            accounts += 1
            before[tier or NONE] += 1
            after[verdict.tier or NONE] += 1
            changed += verdict.tier != tier
            if verdict.tier != tier:
                shown.append({"domain": domain, "from_tier": tier, "to_tier": verdict.tier, "why": verdict.why})
        shown = sorted(shown, key=lambda one: one["domain"])[:_SHOWN]
    return {"accounts": accounts, "changed": changed, "before": dict(before), "after": dict(after), "data": shown}
