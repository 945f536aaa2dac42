"""Which accounts a list shows, in what order: chosen here, and counted when the page is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.nurture.accounts.parts_store import OPEN, SCORES, STANDING, WON

_MATCHING: Final = "to_tsvector('simple'::regconfig, {of}) @@ to_tsquery('simple', :words)"
# The first is what the leads' index has: name, e-mail and company. The second narrows it to the company.
_NAMED: Final = f"""company_domain IN (
    SELECT company_domain FROM standing
    WHERE {_MATCHING.format(of="coalesce(full_name, '') || ' ' || coalesce(email, '') || ' ' || coalesce(company_name, '')")}
    AND {_MATCHING.format(of="coalesce(company_name, '')")}
    UNION ALL SELECT company_domain FROM standing WHERE position(:q IN company_domain) > 0)"""


def _known_for(column: str, name: str) -> str:
    """Return whether most of an account's people say so, as the summary has it; asked of one account after the other."""
    return f"""(SELECT {column} FROM standing AS colleague
        WHERE colleague.company_domain = standing.company_domain AND {column} <> ''
        GROUP BY {column} ORDER BY count(*) DESC, max(created_at) DESC, {column} LIMIT 1) = ANY(CAST(:{name} AS text[]))"""


def _anybody(column: str) -> str:
    return f"company_domain IN (SELECT company_domain FROM standing WHERE {column} = ANY(CAST(:{column} AS text[])))"


# What an account shows is what most of its people say; only where somebody says so it is worth asking.
_SHOWN: Final = {"industry": "industry", "size": "company_size", "country": "country", "region": "region"}
_TIERED: Final = "SELECT domain FROM account_tiers WHERE tier IS NOT NULL"
_CONDITIONS: Final[Mapping[str, str]] = {
    "domain": "company_domain = ANY(CAST(:domain AS text[]))",
    "q": _NAMED,
    "tier": f"company_domain IN ({_TIERED} AND tier = ANY(CAST(:tier AS text[])))",
    "without_tier": f"NOT EXISTS ({_TIERED} AND domain = company_domain)",
    "owner": _anybody("owner"),
    "stage": _anybody("stage"),
    **{
        name: f"company_domain IN (SELECT company_domain FROM standing WHERE {column} = ANY(CAST(:{name} AS text[])))"
        for name, column in _SHOWN.items()
    },
}
# Of those groups that are left.
_OF_GROUPS: Final[Mapping[str, str]] = {
    **{name: _known_for(column, name) for name, column in _SHOWN.items()},
    "people_gte": "count(*) >= :people_gte",
}
# What a list is sorted by, what has to stand beside the leads for it, and its type in a cursor.
_PLACES: Final[Mapping[str, tuple[str, str | None, str]]] = {
    "domain": ("company_domain", None, "text"),
    "people": ("count(*)", None, "bigint"),
    "last_activity_at": ("max(coalesce(last_activity_at, acquired_at))", None, "timestamptz"),
    "score": ("coalesce(max(beside.score), 0)", SCORES.format(people="standing"), "bigint"),
    "open_amount": ("coalesce(max(beside.amount), 0)", OPEN.format(people="standing"), "numeric"),
    "won_amount": ("coalesce(max(beside.amount), 0)", WON.format(people="standing", remains=""), "numeric"),
}


_STANDING_LEADS: Final = f"""WITH standing AS NOT MATERIALIZED (
    SELECT * FROM leads WHERE company_domain IS NOT NULL AND {STANDING})"""


def _chosen(names: frozenset[str], by: str, after: str = "true") -> str:
    place, beside, _ = _PLACES[by]
    if beside is not None:
        value = "score" if by == "score" else "amount"
        of_currency = "" if by == "score" else "WHERE currency = :currency"
        found = f"SELECT domain AS beside_domain, {value} FROM ({beside}) AS each {of_currency}"
        beside = f"LEFT JOIN ({found}) AS beside ON beside_domain = company_domain"
    conditions = " AND ".join([after, *(_CONDITIONS[name] for name in sorted(names & _CONDITIONS.keys()))])
    of_groups = " AND ".join(["true", *(_OF_GROUPS[name] for name in sorted(names & _OF_GROUPS.keys()))])
    return f"""SELECT company_domain AS domain, {place} AS place FROM standing {beside or ""}
    WHERE {conditions} GROUP BY company_domain HAVING {of_groups}"""


@lru_cache(maxsize=256)
def _page(names: frozenset[str], by: str, *, descending: bool, goes_on: bool) -> TextClause:
    side, way = ("<", "DESC") if descending else (">", "ASC")
    if by == "domain":
        # Nothing stands between the groups and the limit: they are read along the index one by one until the page is full.
        after = f"company_domain {side} :after_domain" if goes_on else "true"
        return text(f"{_STANDING_LEADS} {_chosen(names, by, after)} ORDER BY company_domain {way} LIMIT :limit")
    after = f"WHERE (place, domain) {side} (CAST(:after_place AS {_PLACES[by][2]}), :after_domain)" if goes_on else ""
    return text(
        f"""{_STANDING_LEADS}, chosen AS ({_chosen(names, by)})
        SELECT domain, place FROM chosen {after} ORDER BY place {way}, domain {way} LIMIT :limit"""
    )


@lru_cache(maxsize=256)
def _total(names: frozenset[str]) -> TextClause:
    return text(f"{_STANDING_LEADS}, chosen AS ({_chosen(names, 'domain')}) SELECT count(*) FROM chosen")


async def choose_accounts(
    connection: AsyncConnection,
    filters: Mapping[str, Any],
    *,
    by: str,
    descending: bool,
    currency: str | None,
    after: Sequence[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return up to ``limit`` accounts after a place in the order: ``domain``, and ``place``, what it is sorted by."""
    given = _given(filters) | {"limit": limit}
    if "amount" in by:
        given["currency"] = currency
    if after is not None:
        given |= {"after_domain": after[-1]} | ({} if by == "domain" else {"after_place": after[0]})
    statement = _page(frozenset(filters), by, descending=descending, goes_on=after is not None)
    return await fetch(connection, statement, **given)


async def count_accounts(connection: AsyncConnection, filters: Mapping[str, Any]) -> int:
    """Return how many accounts a list has in all."""
    return int((await connection.execute(_total(frozenset(filters)), _given(filters))).scalar_one())


def _given(filters: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in filters.items() if name != "without_tier"}
    if "q" in given:
        words = given["q"].replace("'", " ").replace("\\", " ").split()
        given |= {"q": given["q"].lower(), "words": " & ".join(f"'{word}':*" for word in words)}
    return given
