"""Journeys by the hundred thousand: two years, six channels, twelve campaigns, a believable funnel.

They are written by the database itself, without their leads (the funnel never reads those), and counted into the rollup
by the same code that repairs it.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from traffic import CHANNELS

from service.stats.definitions import cell_of
from service.stats.fold import rebuild

# share, furthest stage, outcome; what is left of each stage moves on
LIVES = [
    (0.18, "acquired", "open"),
    (0.14, "acquired", "disqualified"),
    (0.16, "cleaned", "open"),
    (0.12, "cleaned", "lapsed"),
    (0.12, "nurtured", "open"),
    (0.09, "nurtured", "lapsed"),
    (0.04, "opportunity", "open"),
    (0.06, "opportunity", "lost"),
    (0.08, "won", "open"),
    (0.01, "won", "customer"),
]

_INSERT = text("""
    WITH lives AS (
        SELECT *, sum(share) OVER (ORDER BY number) - share AS low, sum(share) OVER (ORDER BY number) AS high
        FROM json_to_recordset(CAST(:lives AS json))
          AS life(number int, share float, furthest text, outcome text, cell int, rank int)
    ), drawn AS MATERIALIZED (
        SELECT n, random() AS fate, random() AS channel, random() AS campaign, random() AS moment
        FROM generate_series(1, :count) AS n
    )
    INSERT INTO journeys (lead_id, number, entry_stage, channel, campaign, started_at, stage, cell, furthest_stage,
                          outcome, cleaned_at, nurtured_at, opportunity_at, won_at, churned_at, stage_entered_at, counted)
    SELECT gen_random_uuid(), 1, 'acquired', (CAST(:channels AS text[]))[1 + floor(channel * 6)::int],
           'campaign ' || floor(campaign * 12)::int, started_at,
           CASE WHEN outcome = 'open' THEN furthest ELSE 'churned' END, cell, furthest, outcome,
           CASE WHEN rank >= 1 THEN started_at + interval '1 day' END,
           CASE WHEN rank >= 2 THEN started_at + interval '6 days' END,
           CASE WHEN rank >= 3 THEN started_at + interval '20 days' END,
           CASE WHEN rank >= 4 THEN started_at + interval '45 days' END,
           CASE WHEN outcome <> 'open' THEN started_at + interval '60 days' END,
           started_at + CASE WHEN outcome <> 'open' THEN interval '60 days'
               ELSE (ARRAY[0, 1, 6, 20, 45])[1 + rank] * interval '1 day' END, true
    FROM drawn
    JOIN lives ON fate >= low AND fate < high
    CROSS JOIN LATERAL (SELECT timestamptz '2024-11-01' + moment * interval '730 days') AS t(started_at)
""")


def lives_of(kinds: list[tuple[float, str, str]]) -> list[dict[str, Any]]:
    """Return kinds of lives with their cells and ranks, as the statements take them."""
    return [
        {"number": number, "share": share, "furthest": furthest, "outcome": outcome, "cell": cell, "rank": rank}
        for number, (share, furthest, outcome) in enumerate(kinds)
        for rank in [["acquired", "cleaned", "nurtured", "opportunity", "won"].index(furthest)]
        for cell in [
            cell_of(furthest=furthest, outcome=outcome, cleaned=rank >= 1, nurtured=rank >= 2, opportunity=rank >= 3)
        ]
    ]


async def load_journeys(connection: AsyncConnection, count: int) -> None:
    """Write ``count`` journeys (a few less by chance of rounding) and their rollup."""
    lives = lives_of(LIVES)
    # Spares the look-up of each journey's lead.
    await connection.execute(text("SET LOCAL session_replication_role = replica"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    await connection.execute(_INSERT, {"lives": json.dumps(lives), "channels": CHANNELS, "count": count})
    await rebuild(connection)
