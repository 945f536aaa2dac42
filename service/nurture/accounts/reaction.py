"""Giving accounts their tiers: whenever something of an account changes, when time passes, and when the rules do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.nurture.accounts import remains_store, summary_store, tier_store
from service.nurture.accounts.gathering import NOT_THEIRS, facts_of
from service.nurture.accounts.saying import CHANGED
from service.nurture.accounts.tiers import ACCOUNT_TIERS, AccountTiers, Verdict, tier_of
from service.nurture.rounds import Change, Reaction, Round
from service.nurture.rules import Rules
from service.outbound.events import event_row
from service.outbound.store import insert_events

_TYPES: Final = frozenset(
    {"lead.created", "lead.stage_changed", "lead.score_changed", "lead.merged", "lead.unmerged", "lead.erased"}
)
_FIELDS: Final = frozenset(
    {
        *("company_domain", "company_name", "industry", "company_size", "country", "amount", "currency", "score"),
        *("company.domain", "test", "activities", "touchpoints", CHANGED),
    }
)
_MOVES: Final = frozenset({"company_domain", "company.domain"})
# So many accounts that nobody tells of are looked at beside those of a round.
_DUE: Final = 200


async def react(this: Round) -> None:
    """Give the accounts of the round's leads their tiers, with those that these leads have left."""
    rules, version = this.rules.of(ACCOUNT_TIERS), this.rules.version(ACCOUNT_TIERS)
    concerned = list(this.concerned(ACCOUNTS))
    changed = [(entry, change) for entry, change in concerned if change.events or change.timers]
    domains = {entry.row["company_domain"] for entry, _ in changed}
    domains |= await tier_store.domains_since(this.connection, _moved(changed))
    domains |= await tier_store.domains_of(this.connection, _merged(changed))
    domains |= (due := await tier_store.take_due(this.connection, limit=_DUE))
    swept = {entry.row["company_domain"] for entry, change in concerned if ACCOUNTS.name in change.swept} - domains
    held = await tier_store.read_tiers(this.connection, (domains | swept) - {None})
    # What was looked at with these rules for the sake of a colleague need not be looked at again.
    domains |= {domain for domain in swept if domain not in held or held[domain]["version"] != version}
    await _watch(this, rules, [entry.id for entry, _ in concerned])
    gone = await give_tiers(this.connection, domains - {None}, rules, version=version, now=this.now)
    # Nobody is left, and one of them was erased: the domain may have been theirs alone.
    if forgotten := gone & due:
        await remains_store.forget_accounts(this.connection, forgotten)


def _moved(changed: Collection[tuple[Any, Change]]) -> dict[UUID, int]:
    """Return the leads that may have left a company, and the version it began with."""
    moved: dict[UUID, int] = {}
    for entry, change in changed:
        told = [
            event["sequence"]
            for event in change.events
            if event["type"] in {"lead.merged", "lead.unmerged"} or _MOVES & set(event["data"].get("changed") or ())
        ]
        if told:
            moved[entry.id] = min(told)
    return moved


def _merged(changed: Collection[tuple[Any, Change]]) -> set[UUID]:
    """Return the leads that are not people of their own any more, whose companies have one less."""
    return {
        UUID(event["data"]["duplicate_id"])
        for _, change in changed
        for event in change.events
        if event["type"] == "lead.merged"
    }


async def _watch(this: Round, rules: AccountTiers, ids: Collection[UUID]) -> None:
    """Look again when somebody's last sign of life falls out of a window."""
    if not rules.windows:
        return
    last = await summary_store.last_engaged(this.connection, ids, not_theirs=NOT_THEIRS, now=this.now)
    for lead_id in ids:
        for days in rules.windows:
            at = last[lead_id] + timedelta(days=days) if lead_id in last else None
            this.wake(lead_id, ACCOUNTS.name, f"engaged-{days}", at if at and at > this.now else None)


async def give_tiers(
    connection: AsyncConnection, domains: Collection[str], rules: AccountTiers, *, version: int, now: datetime
) -> set[str]:
    """Write down what the rules say of accounts, and tell of those whose tier changed; return those that nobody is of any more.

    For one at a time: the engine.
    """
    if not domains:
        return set()
    held = await tier_store.read_tiers(connection, domains)
    facts = await facts_of(connection, rules, domains, now=now)
    rows, events = [], []
    for domain in sorted(domains):
        before = held.get(domain)
        verdict = tier_of(rules, facts[domain]) if domain in facts else Verdict(None, {})
        is_same = before is not None and before["tier"] == verdict.tier
        if (before["tier"] if before else None) != verdict.tier:
            events.append(_event(domain, verdict, before, version=version, now=now))
        row = {"domain": domain, "tier": verdict.tier, "version": version, "why": verdict.why, "evaluated_at": now}
        rows.append(row | {"since": before["since"] if is_same and before else now})
    await tier_store.keep_tiers(connection, [row for row in rows if row["domain"] in facts])
    if gone := [domain for domain in held if domain not in facts]:
        await tier_store.drop_tiers(connection, gone)
    if events:
        await insert_events(connection, events)
    return set(domains) - facts.keys()


def _event(
    domain: str, verdict: Verdict, before: Mapping[str, Any] | None, *, version: int, now: datetime
) -> dict[str, Any]:
    data = {
        "account": {"id": domain, "domain": domain},
        "tier": verdict.tier,
        "previous_tier": before["tier"] if before else None,
        "version": version,
        "why": verdict.why,
    }
    return event_row(lead_id=None, type="account.tier_changed", sequence=0, data=data, occurred_at=now, recorded_at=now)


def _applies(rules: Rules) -> bool:
    # Rules that were emptied still have to take the tiers away.
    return rules.version(ACCOUNT_TIERS) > 0


ACCOUNTS: Final = Reaction(
    name="accounts",
    rule_sets=(ACCOUNT_TIERS,),
    types=_TYPES,
    fields=_FIELDS,
    applies=_applies,
    react=react,
)
