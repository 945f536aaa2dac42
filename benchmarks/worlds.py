"""Whole lives by the million, written by the database itself: leads, ledger, journeys, touchpoints, and the counters of all of them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from synthetic import LIVES, lives_of
from traffic import CHANNELS

from service.stats.fold import rebuild

# Ids grow with the time of the start, as they do in real life.
_DRAWN = """
    CREATE TEMP TABLE drawn AS
    WITH lives AS (
        SELECT *, sum(share) OVER (ORDER BY number) - share AS low, sum(share) OVER (ORDER BY number) AS high
        FROM json_to_recordset(CAST(:lives AS json))
          AS life(number int, share float, furthest text, outcome text, cell int, rank int)
    ), chances AS MATERIALIZED (
        SELECT n, random() AS fate, random() AS a, random() AS b, random() AS c, random() AS pace,
               timestamptz '2024-11-01' + (n::float8 / :count) * interval '730 days' AS started_at
        FROM generate_series(1, :count) AS n
    )
    SELECT (lpad(to_hex(n), 12, '0') || '7000' || '8' || lpad(to_hex((a * 1e9)::bigint), 15, '0'))::uuid AS id,
           n, cell, rank, furthest, outcome, started_at,
           (CAST(:channels AS text[]))[1 + floor(a * 6)::int] AS channel, 'campaign ' || floor(b * 12)::int AS campaign,
           (ARRAY['DE', 'US', 'CN', 'FR', 'GB', NULL])[1 + floor(c * 6)::int] AS country,
           (ARRAY['steel', 'film', 'retail', 'software', NULL])[1 + floor(b * 5)::int] AS industry,
           (ARRAY['free', 'team', 'enterprise'])[1 + floor(c * 3)::int] AS plan,
           started_at + (0.5 + pace) * interval '1 day' AS cleaned_at, started_at + (0.5 + pace) * interval '6 days' AS nurtured_at,
           started_at + (0.5 + pace) * interval '20 days' AS opportunity_at, started_at + (0.5 + pace) * interval '45 days' AS won_at,
           started_at + (0.5 + pace) * interval '60 days' AS churned_at, pace
    FROM chances JOIN lives ON fate >= low AND fate < high
"""
_LEADS = """
    INSERT INTO leads (id, stage, furthest_stage, stage_entered_at, journey, sequence, version, email, full_name, industry, country,
        channel, campaign, utm, external_ids, consent, score, tags, attributes, verdict, verdict_reasons, test, created_at, updated_at,
        acquired_at)
    SELECT id, CASE WHEN outcome = 'open' THEN furthest ELSE 'churned' END, furthest, started_at, 1, 1 + rank, 1,
        'person' || n || '@example.com', 'Person ' || n, industry, country, channel, campaign, '{}', '{}', '{}', floor(pace * 100)::int,
        '{}', jsonb_build_object('plan', plan), 'valid', '{}', false, started_at, started_at, started_at
    FROM drawn
"""
_JOURNEYS = """
    INSERT INTO journeys (lead_id, number, entry_stage, channel, campaign, started_at, stage, stage_entered_at, cell, furthest_stage,
        outcome, cleaned_at, nurtured_at, opportunity_at, won_at, churned_at, amount, currency, counted)
    SELECT id, 1, 'acquired', channel, campaign, started_at, CASE WHEN outcome = 'open' THEN furthest ELSE 'churned' END,
        CASE WHEN outcome <> 'open' THEN churned_at
            ELSE (ARRAY[started_at, cleaned_at, nurtured_at, opportunity_at, won_at])[1 + rank] END,
        cell, furthest, outcome, CASE WHEN rank >= 1 THEN cleaned_at END, CASE WHEN rank >= 2 THEN nurtured_at END,
        CASE WHEN rank >= 3 THEN opportunity_at END, CASE WHEN rank >= 4 THEN won_at END,
        CASE WHEN outcome <> 'open' THEN churned_at END, CASE WHEN rank >= 3 THEN round((1000 * (1 + pace))::numeric, 2) END,
        CASE WHEN rank >= 3 THEN 'EUR' END, true
    FROM drawn
"""
_TRANSITIONS = """
    INSERT INTO transitions (lead_id, id, sequence, journey, event, from_stage, to_stage, skipped, reason, category, channel, campaign,
        actor, occurred_at, recorded_at, previous_at)
    SELECT id, gen_random_uuid(), step.sequence, 1, step.event, step.from_stage, step.to_stage, '{}', step.reason,
        CASE WHEN step.reason IS NULL THEN NULL ELSE outcome END, CASE WHEN step.sequence = 1 THEN channel END,
        CASE WHEN step.sequence = 1 THEN campaign END, 'bench', step.at, step.at, step.previous_at
    FROM drawn CROSS JOIN LATERAL (VALUES
        (1, 'acquire', NULL, 'acquired', NULL, started_at, NULL::timestamptz, true),
        (2, 'clean', 'acquired', 'cleaned', NULL, cleaned_at, started_at, rank >= 1),
        (3, 'nurture', 'cleaned', 'nurtured', NULL, nurtured_at, cleaned_at, rank >= 2),
        (4, 'qualify', 'nurtured', 'opportunity', NULL, opportunity_at, nurtured_at, rank >= 3),
        (5, 'win', 'opportunity', 'won', NULL, won_at, opportunity_at, rank >= 4),
        (2 + rank, 'churn', furthest, 'churned', 'price', churned_at,
            (ARRAY[started_at, cleaned_at, nurtured_at, opportunity_at, won_at])[1 + rank], outcome <> 'open')
    ) AS step (sequence, event, from_stage, to_stage, reason, at, previous_at, happened)
    WHERE step.happened
"""
# Every other lead was touched once more, a third of these once more again.
_TOUCHPOINTS = """
    INSERT INTO touchpoints (lead_id, id, journey, channel, campaign, utm, via, matched_by, occurred_at, recorded_at)
    SELECT id, gen_random_uuid(), 1, (CAST(:channels AS text[]))[1 + (n * touch + touch) % 6], campaign, '{}', 'bench', '{}',
        started_at + (touch - 1) * interval '3 days', started_at
    FROM drawn CROSS JOIN generate_series(1, CASE WHEN n % 2 = 0 THEN 1 WHEN n % 3 = 0 THEN 3 ELSE 2 END) AS touch
"""


async def load_world(connection: AsyncConnection, count: int) -> None:
    """Write ``count`` leads (a few less by chance of rounding) with all that belongs to them, and their counters."""
    given: dict[str, Any] = {"lives": json.dumps(lives_of(LIVES)), "channels": CHANNELS, "count": count}
    await connection.execute(text("SET LOCAL session_replication_role = replica"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    await connection.execute(text("SET LOCAL work_mem = '256MB'"))
    for statement in (_DRAWN, _LEADS, _JOURNEYS, _TRANSITIONS, _TOUCHPOINTS):
        wanted = {name: value for name, value in given.items() if f":{name}" in statement}
        await connection.execute(text(statement), wanted)
    await connection.execute(text("DROP TABLE drawn"))
    await connection.execute(text("SET LOCAL synchronous_commit = off"))
    await rebuild(connection)
