"""Reading accounts: the list, one of them, its people, and what happened with it over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning.domains import company_domain
from service.cleaning.submission import Unusable
from service.core.errors import Invalid
from service.core.http.paging import PageQuery
from service.leads.privacy.export_store import merged_into
from service.lifecycle.stages import FUNNEL
from service.nurture.accounts import engagement_store, gathering, listing_store, people_store, summary_store, tier_store
from service.nurture.accounts.errors import AccountNotFound, PersonNotFound
from service.nurture.accounts.naming import possible_people
from service.nurture.accounts.present import account_out, coverage_out, explained, person_out
from service.nurture.accounts.schemas import AccountQuery, EngagementQuery, PeopleQuery
from service.nurture.accounts.tiers import ACCOUNT_TIERS
from service.nurture.rules import read_rules
from service.stats.asking import parse_bound, parse_zone
from service.stats.calendars import boundaries, bucket_start

_PLACES: Final = {
    "people": int,
    "score": int,
    "last_activity_at": datetime,
    "open_amount": Decimal,
    "won_amount": Decimal,
}
_PEOPLE_PLACES: Final[Mapping[str, tuple[type, ...]]] = {
    "score": (int, UUID),
    "last_activity_at": (datetime, UUID),
    "created_at": (UUID,),
}
_PEOPLE_ORDER: Final = {"score": ("score", "id"), "last_activity_at": ("active_at", "id"), "created_at": ("id",)}
_FIRST_PEOPLE: Final = 20
_MOST_BUCKETS: Final = 400
_INTERVALS_SHOWN: Final = 12
_DAYS: Final = {"day": 1, "week": 7, "month": 31, "quarter": 92}
_NOTHING: Final = ("inbound", "outbound", "system", "touchpoints", "engaged_people")


class Person(NamedTuple):
    """One of an account's people: the lead's row, and what was said last of their role."""

    row: dict[str, Any]
    said: dict[str, Any] | None

    def place(self, query: PeopleQuery) -> list[Any]:
        """Return what orders the person in a list."""
        return [self.row[name] for name in _PEOPLE_ORDER[query.sort.removeprefix("-")]]


def domain_of(account_id: str) -> str:
    """Return the domain that an account is told by: of ``www.Acme.com`` it is ``acme.com``."""
    try:
        return company_domain(account_id)
    except Unusable:
        raise AccountNotFound("an account is told by the domain of its company, such as acme.com") from None


async def list_accounts(
    connection: AsyncConnection, query: AccountQuery, filters: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the page of accounts that a query asks for, with one more if there are, and their number if asked for.

    Each has what orders it under ``place``; ``filters`` is what a cursor is bound to.
    """
    by, descending = query.sort.removeprefix("-"), query.sort.startswith("-")
    if ("amount" in by) != (query.currency is not None):
        raise Invalid("?currency", "is needed to sort by amounts, and of no use otherwise")
    kinds = (str,) if by == "domain" else (_PLACES[by], str)
    after = PageQuery(query.limit, query.cursor).after(filters, *kinds)
    names = AccountQuery.model_fields.keys() - {"sort", "currency", "limit", "cursor", "count", "missing"}
    wanted = query.model_dump(include=set(names), exclude_defaults=True)
    wanted |= {"without_tier": True} if query.missing else {}
    chosen = await listing_store.choose_accounts(
        connection, wanted, by=by, descending=descending, currency=query.currency, after=after, limit=query.limit + 1
    )
    found = await summary_store.read_summaries(connection, [row["domain"] for row in chosen])
    total = await listing_store.count_accounts(connection, wanted) if query.count else None
    # Between the two statements the last of an account's people may have gone.
    rows = [found[row["domain"]] | {"place": row["place"]} for row in chosen if row["domain"] in found]
    return rows, total


def place_of(query: AccountQuery, row: Mapping[str, Any]) -> Sequence[Any]:
    """Return what orders an account in a list."""
    return [row["domain"]] if query.sort.endswith("domain") else [row["place"], row["domain"]]


async def read_account(
    connection: AsyncConnection, account_id: str, query: EngagementQuery, *, now: datetime
) -> dict[str, Any]:
    """Return all that is known of an account; raises `AccountNotFound`."""
    domain = domain_of(account_id)
    row = (await summary_store.read_summaries(connection, [domain])).get(domain)
    if row is None:
        raise _unknown(domain)
    held, supposed = await gathering.roles_of(connection, [domain])
    rules = (await read_rules(connection)).of(ACCOUNT_TIERS)
    first = await _people(connection, domain, PeopleQuery(limit=_FIRST_PEOPLE), after=None, limit=_FIRST_PEOPLE)
    return {
        **account_out(row),
        **explained(row),
        "buying_roles": coverage_out(held[domain], supposed[domain], rules.expected_roles),
        "engagement": await _engagement(connection, domain, query, now=now),
        "first_people": [person_out(one.row, one.said) for one in first],
        "all_people": f"/v1/accounts/{quote(domain, safe='')}/people",
        "possible_people": await possible_people(connection, account_out(row)["name"]),
        "left_out": {"test": await summary_store.count_tests(connection, domain)},
    }


async def list_people(
    connection: AsyncConnection, account_id: str, query: PeopleQuery, filters: Mapping[str, Any]
) -> list[Person]:
    """Return the page of an account's people that a query asks for, with one more if there are; raises `AccountNotFound`."""
    domain = domain_of(account_id)
    kinds = _PEOPLE_PLACES[query.sort.removeprefix("-")]
    after = PageQuery(query.limit, query.cursor).after(filters, *kinds)
    await _insist_on(connection, domain)
    return await _people(connection, domain, query, after=after, limit=query.limit + 1)


async def _people(
    connection: AsyncConnection, domain: str, query: PeopleQuery, *, after: Sequence[Any] | None, limit: int
) -> list[Person]:
    wanted = query.model_dump(include={"stage", "owner"}, exclude_defaults=True)
    by, descending = query.sort.removeprefix("-"), query.sort.startswith("-")
    rows = await people_store.read_people(
        connection, domain, wanted, by=by, descending=descending, after=after, limit=limit
    )
    said = await people_store.roles_of_leads(connection, [row["id"] for row in rows])
    return [Person(row, said.get(row["id"])) for row in rows]


async def read_person(connection: AsyncConnection, domain: str, lead_id: UUID) -> dict[str, Any]:
    """Return one of an account's people; raises `PersonNotFound`."""
    row = await people_store.read_person(connection, domain, lead_id)
    if row is None:
        raise PersonNotFound(f"lead {lead_id} is nobody of {domain}")
    said = await people_store.roles_of_leads(connection, [lead_id])
    return person_out(row, said.get(lead_id))


async def read_history(connection: AsyncConnection, account_id: str, lead_id: UUID) -> dict[str, Any]:
    """Return all that was said of a person's role, oldest first, with what was said of leads that were merged into it."""
    await read_person(connection, domain_of(account_id), lead_id)
    rows = await people_store.read_history(connection, [lead_id, *await merged_into(connection, lead_id)])
    return {"data": rows, "next_cursor": None}


async def read_engagement(
    connection: AsyncConnection, account_id: str, query: EngagementQuery, *, now: datetime
) -> dict[str, Any]:
    """Return what happened with an account over time; raises `AccountNotFound`."""
    domain = domain_of(account_id)
    await _insist_on(connection, domain)
    return await _engagement(connection, domain, query, now=now)


async def _engagement(
    connection: AsyncConnection, domain: str, query: EngagementQuery, *, now: datetime
) -> dict[str, Any]:
    bounds = _bounds(query, parse_zone(query.tz), now)
    found = await engagement_store.count_engagement(
        connection, domain, bounds, outbound=gathering.OUTBOUND, system=gathering.SYSTEM
    )
    buckets = [
        {"start": start, "end": end, **_counts(found.get(number))}
        for number, (start, end) in enumerate(pairwise(bounds), start=1)
    ]
    return {"interval": query.interval, "tz": query.tz, "data": buckets, "all": _counts(found.get(None))}


def _counts(row: Mapping[str, Any] | None) -> dict[str, int]:
    return {name: row[name] if row else 0 for name in _NOTHING}


def _bounds(query: EngagementQuery, zone: ZoneInfo, now: datetime) -> list[datetime]:
    days = _DAYS[query.interval]
    end = parse_bound(query.to, zone, pointer="?to") if query.to else now
    if query.from_:
        start = parse_bound(query.from_, zone, pointer="?from")
    else:
        start = bucket_start(end - timedelta(days=days * (_INTERVALS_SHOWN - 1)), interval=query.interval, zone=zone)
    if start >= end:
        raise Invalid("?to", "must be later than from")
    if (end - start) / timedelta(days=days) > _MOST_BUCKETS:
        raise Invalid("?from", f"there would be more than {_MOST_BUCKETS} intervals; choose longer ones")
    return list(boundaries(start, end, interval=query.interval, zone=zone))


async def count_accounts(connection: AsyncConnection) -> dict[str, Any]:
    """Return how many accounts there are by tier, and by how far the furthest of their people came."""
    rows = [
        {
            "tier": row["tier"],
            "furthest_stage": FUNNEL[row["rank"]],
            "accounts": row["accounts"],
            "people": row["people"],
            "address": f"/v1/accounts?tier={quote(row['tier'])}" if row["tier"] else "/v1/accounts?missing=tier",
        }
        for row in await tier_store.count_accounts(connection)
    ]
    return {"data": rows, "next_cursor": None}


async def _insist_on(connection: AsyncConnection, domain: str) -> None:
    if not await people_store.has_people(connection, domain):
        raise _unknown(domain)


def _unknown(domain: str) -> AccountNotFound:
    return AccountNotFound(f"nobody of {domain} is known")
