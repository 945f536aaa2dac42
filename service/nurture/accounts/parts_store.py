"""What several statements about accounts have in common."""

from __future__ import annotations

from typing import Final

from service.leads.tables import leads

# Who counts as somebody of a company: not those merged into another lead, nor the erased, nor tests.
STANDING: Final = "merged_into IS NULL AND erased_at IS NULL AND NOT test"
IS_STANDING: Final = (leads.c.merged_into.is_(None), leads.c.erased_at.is_(None), ~leads.c.test)

# How far somebody has come: a churned lead counts by how far it was.
RANK: Final = """CASE furthest_stage
    WHEN 'won' THEN 4 WHEN 'opportunity' THEN 3 WHEN 'nurtured' THEN 2 WHEN 'cleaned' THEN 1 ELSE 0 END"""

# Of each account's people with a score, the best ones: each counts half of what the one before it counts.
COUNTED_SCORES: Final = 10
SCORES: Final = f"""SELECT domain, round(sum(score / (2::numeric ^ (place - 1))))::bigint AS score,
        jsonb_agg(jsonb_build_object('lead_id', id, 'score', score, 'place', place) ORDER BY place) AS parts
    FROM (SELECT company_domain AS domain, id, score,
            row_number() OVER (PARTITION BY company_domain ORDER BY score DESC, id) AS place
        FROM {{people}} WHERE score > 0) AS ranked
    WHERE place <= {COUNTED_SCORES} GROUP BY domain"""

# What an open opportunity is about is what the lead shows, unless that is left from an earlier journey.
OPEN: Final = """SELECT people.company_domain AS domain, currency, sum(amount) AS amount, count(*) AS deals
    FROM (SELECT lead.company_domain, told.amount, CASE WHEN told.amount IS NOT NULL THEN lead.currency END AS currency
        FROM {people} AS lead
        JOIN journeys AS journey ON journey.lead_id = lead.id AND journey.number = lead.journey
        CROSS JOIN LATERAL (SELECT CASE WHEN journey.amount IS NULL AND EXISTS (
                SELECT FROM journeys AS earlier WHERE earlier.lead_id = lead.id AND earlier.number < lead.journey
                AND earlier.amount = lead.amount AND earlier.currency = lead.currency)
            THEN NULL ELSE lead.amount END AS amount) AS told
        WHERE lead.stage = 'opportunity') AS people
    GROUP BY domain, currency"""

# As the statistics count them: every journey that was won, by what it brought. With what the erased had brought.
WON: Final = """SELECT domain, currency, sum(amount) AS amount, sum(deals)::bigint AS deals FROM (
        SELECT lead.company_domain AS domain, CASE WHEN journey.amount IS NOT NULL THEN journey.currency END AS currency,
            journey.amount, 1 AS deals
        FROM {people} AS lead JOIN journeys AS journey ON journey.lead_id = lead.id WHERE journey.won_at IS NOT NULL
        UNION ALL
        SELECT domain, nullif(currency, ''), CASE WHEN currency <> '' THEN amount END, deals
        FROM account_remains {remains}) AS won
    GROUP BY domain, currency"""
