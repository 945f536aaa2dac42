"""What accounts are, counted from their people: one row an account, however many people it has."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.nurture.accounts.parts_store import OPEN, RANK, SCORES, STANDING, WON

_SUMMARIES: Final = text(
    f"""WITH people AS MATERIALIZED (
        SELECT id, company_domain, company_name, industry, company_size, country, region, stage, furthest_stage, journey,
            score, owner, amount, currency, created_at, acquired_at, coalesce(last_activity_at, acquired_at) AS active_at
        FROM leads WHERE company_domain = ANY(CAST(:domains AS text[])) AND {STANDING}),
    counted AS (
        SELECT company_domain AS domain, count(*) AS people, max({RANK}) AS rank,
            min(acquired_at) AS first_touch_at, max(active_at) AS last_activity_at
        FROM people GROUP BY domain),
    stages AS (
        SELECT domain, jsonb_object_agg(stage, people) AS stages
        FROM (SELECT company_domain AS domain, stage, count(*) AS people FROM people GROUP BY domain, stage) AS each
        GROUP BY domain),
    owners AS (
        SELECT domain, jsonb_agg(jsonb_build_object('owner', owner, 'people', people) ORDER BY people DESC, owner) AS owners
        FROM (SELECT company_domain AS domain, owner, count(*) AS people FROM people WHERE owner IS NOT NULL
            GROUP BY domain, owner) AS each
        GROUP BY domain),
    chosen AS (
        SELECT domain, jsonb_object_agg(field, jsonb_build_object('value', value, 'people', people, 'told', told)) AS facts
        FROM (
            SELECT DISTINCT ON (company_domain, field) company_domain AS domain, field, value, count(*) AS people,
                sum(count(*)) OVER (PARTITION BY company_domain, field)::bigint AS told
            FROM people CROSS JOIN LATERAL (VALUES ('name', company_name), ('industry', industry), ('size', company_size),
                ('country', country), ('region', region)) AS told (field, value)
            WHERE value <> '' GROUP BY company_domain, field, value
            ORDER BY company_domain, field, count(*) DESC, max(created_at) DESC, value) AS best
        GROUP BY domain),
    scores AS ({SCORES.format(people="people")}),
    open AS (
        SELECT domain, jsonb_agg(jsonb_build_object('currency', currency, 'amount', amount::text, 'deals', deals)) AS open
        FROM ({OPEN.format(people="people")}) AS each GROUP BY domain),
    won AS (
        SELECT domain, jsonb_agg(jsonb_build_object('currency', currency, 'amount', amount::text, 'deals', deals)) AS won
        FROM ({WON.format(people="people", remains="WHERE domain = ANY(CAST(:domains AS text[]))")}) AS each GROUP BY domain)
    SELECT counted.*, stages, owners, facts, score, parts, open, won, tier, version, why, since
    FROM counted JOIN stages USING (domain) LEFT JOIN owners USING (domain) LEFT JOIN chosen USING (domain)
    LEFT JOIN scores USING (domain) LEFT JOIN open USING (domain) LEFT JOIN won USING (domain)
    LEFT JOIN account_tiers USING (domain)"""
)
_TESTS: Final = text(
    """SELECT count(*) FROM leads
    WHERE company_domain = :domain AND merged_into IS NULL AND erased_at IS NULL AND test"""
)
# What somebody did, or where they were in touch with us; not what was done to reach them.
_LAST_ENGAGED: Final = """SELECT greatest(
        (SELECT max(occurred_at) FROM activities
        WHERE activities.lead_id = leads.id AND occurred_at <= :now AND kind <> ALL(CAST(:not_theirs AS text[]))),
        (SELECT max(occurred_at) FROM touchpoints WHERE touchpoints.lead_id = leads.id AND touchpoints.journey > 0 AND occurred_at <= :now)) AS at"""
_ENGAGED: Final = text(
    f"""SELECT company_domain AS domain, days, count(*) AS people
    FROM leads CROSS JOIN LATERAL ({_LAST_ENGAGED}) AS last
    JOIN unnest(CAST(:days AS integer[])) AS days ON last.at > CAST(:now AS timestamptz) - make_interval(hours => 24 * days)
    WHERE company_domain = ANY(CAST(:domains AS text[])) AND {STANDING} GROUP BY domain, days"""
)
_LAST: Final = text(
    f"SELECT leads.id, last.at FROM leads CROSS JOIN LATERAL ({_LAST_ENGAGED}) AS last WHERE leads.id = ANY(CAST(:ids AS uuid[]))"
)


async def read_summaries(connection: AsyncConnection, domains: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what accounts are, by domain; those without people are left out."""
    rows = await fetch(connection, _SUMMARIES, domains=sorted(domains)) if domains else []
    return {row["domain"]: row for row in rows}


async def count_tests(connection: AsyncConnection, domain: str) -> int:
    """Return how many test leads say that they are of a company."""
    return int((await connection.execute(_TESTS, {"domain": domain})).scalar_one())


async def count_engaged(
    connection: AsyncConnection,
    domains: Collection[str],
    days: Collection[int],
    *,
    not_theirs: Collection[str],
    now: Any,
) -> dict[str, dict[int, int]]:
    """Return how many people of each account were engaged within so many days, by the days."""
    found: dict[str, dict[int, int]] = {}
    if domains and days:
        given = {"domains": sorted(domains), "days": sorted(days), "not_theirs": sorted(not_theirs), "now": now}
        for row in await fetch(connection, _ENGAGED, **given):
            found.setdefault(row["domain"], {})[row["days"]] = row["people"]
    return found


async def last_engaged(
    connection: AsyncConnection, ids: Collection[Any], *, not_theirs: Collection[str], now: Any
) -> dict[Any, Any]:
    """Return when each of these people was engaged last, if ever."""
    rows = await fetch(connection, _LAST, ids=sorted(ids), not_theirs=sorted(not_theirs), now=now) if ids else []
    return {row["id"]: row["at"] for row in rows if row["at"] is not None}
