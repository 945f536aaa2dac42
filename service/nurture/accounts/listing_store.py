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
    """Return the accounts most of whose people say so, as the summary has it; not all of which somebody does."""
    return f"""company_domain IN (SELECT domain FROM (
        SELECT DISTINCT ON (company_domain) company_domain AS domain, {column} AS value FROM standing
        WHERE {column} <> '' AND company_domain IN (
            SELECT company_domain FROM standing WHERE {column} = ANY(CAST(:{name} AS text[])))
        GROUP BY company_domain, {column}
        ORDER BY company_domain, count(*) DESC, max(created_at) DESC, {column}) AS told
    WHERE value = ANY(CAST(:{name} AS text[])))"""


def _anybody(column: str) -> str:
    return f"company_domain IN (SELECT company_domain FROM standing WHERE {column} = ANY(CAST(:{column} AS text[])))"


_TIERED: Final = "SELECT domain FROM account_tiers WHERE tier IS NOT NULL"
_CONDITIONS: Final[Mapping[str, str]] = {
    "domain": "company_domain = ANY(CAST(:domain AS text[]))",
    "q": _NAMED,
    "tier": f"company_domain IN ({_TIERED} AND tier = ANY(CAST(:tier AS text[])))",
    "without_tier": f"NOT EXISTS ({_TIERED} AND domain = company_domain)",
    "owner": _anybody("owner"),
    "stage": _anybody("stage"),
    "industry": _known_for("industry", "industry"),
    "size": _known_for("company_size", "size"),
    "country": _known_for("country", "country"),
    "region": _known_for("region", "region"),
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


@lru_cache(maxsize=256)
def _chosen(names: frozenset[str], by: str) -> str:
    place, beside, _ = _PLACES[by]
    if beside is not None:
        aggregated = f"SELECT * FROM ({beside}) AS deals WHERE currency = :currency" if "amount" in by else beside
        columns = "domain AS beside_domain, amount" if "amount" in by else "domain AS beside_domain, score"
        beside = f"LEFT JOIN (SELECT {columns} FROM ({aggregated}) AS each) AS beside ON beside_domain = company_domain"
    where = " AND ".join(["true", *(_CONDITIONS[name] for name in sorted(names & _CONDITIONS.keys()))])
    having = "HAVING count(*) >= :people_gte" if "people_gte" in names else ""
    return f"""WITH standing AS NOT MATERIALIZED (SELECT * FROM leads WHERE company_domain IS NOT NULL AND {STANDING}),
    chosen AS (
        SELECT company_domain AS domain, {place} AS place FROM standing {beside or ""}
        WHERE {where} GROUP BY company_domain {having})"""


@lru_cache(maxsize=256)
def _page(names: frozenset[str], by: str, *, descending: bool, goes_on: bool) -> TextClause:
    side, way = ("<", "DESC") if descending else (">", "ASC")
    if by == "domain":
        # One condition on the column of the index lets the groups be read one by one until the page is full.
        after = f"WHERE domain {side} :after_domain" if goes_on else ""
        order = f"domain {way}"
    else:
        kind = _PLACES[by][2]
        after = f"WHERE (place, domain) {side} (CAST(:after_place AS {kind}), :after_domain)" if goes_on else ""
        order = f"place {way}, domain {way}"
    return text(f"{_chosen(names, by)} SELECT domain, place FROM chosen {after} ORDER BY {order} LIMIT :limit")


@lru_cache(maxsize=256)
def _total(names: frozenset[str]) -> TextClause:
    return text(f"{_chosen(names, 'domain')} SELECT count(*) FROM chosen")


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
