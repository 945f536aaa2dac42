"""Views for Metabase, Superset and Grafana, in a schema of their own: what docs/reporting.md describes."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_reporting"
down_revision = "2026_11_22_segments"
branch_labels = None
depends_on = None

# Every time zone's days are made of quarter hours; those of UTC are kept in fewer rows.
_GRAIN = "CASE WHEN current_setting('TimeZone') IN ('UTC', 'Etc/UTC', 'GMT', 'Etc/GMT') THEN 1 ELSE 0 END"

# A cell is 40 x the furthest funnel stage + 8 x the outcome + which stages were entered: service/stats/definitions.py.
_COUNTED = f"""
    SELECT bucket::date AS day, channel, campaign, entry_stage, cell / 40 AS furthest, cell % 40 / 8 AS outcome, cell % 8 AS mask,
        sum(count) AS journeys
    FROM (SELECT bucket, channel, campaign, entry_stage, cell, count FROM public.cohort_rollup WHERE grain = {_GRAIN}
        UNION ALL SELECT bucket, channel, campaign, entry_stage, cell, count FROM public.cohort_deltas) AS counted
    GROUP BY bucket::date, channel, campaign, entry_stage, cell
"""


def _sum(what: str, condition: str, name: str) -> str:
    return f"coalesce(sum({what}) FILTER (WHERE {condition}), 0)::bigint AS {name}"


_CATEGORIES = ("disqualified", "lost", "lapsed", "customer")
_STAGES = ("acquired", "cleaned", "nurtured", "opportunity", "won")

_JOURNEYS = """
    SELECT j.lead_id, j.number AS journey, j.channel, j.campaign, j.entry_stage, l.industry, l.company_size, l.country, l.region, l.score,
        CASE WHEN l.score < 25 THEN 'below-25' WHEN l.score < 50 THEN '25-49' WHEN l.score < 75 THEN '50-74' ELSE 'from-75' END
            AS score_band,
        j.started_at, j.stage, j.stage_entered_at, j.cell / 40 AS furthest_number,
        (ARRAY['acquired', 'cleaned', 'nurtured', 'opportunity', 'won'])[j.cell / 40 + 1] AS furthest_stage, j.outcome, j.reason,
        j.outcome = 'open' AND j.won_at IS NULL AS is_open, j.cleaned_at, j.nurtured_at, j.opportunity_at, j.won_at, j.churned_at,
        (extract(epoch FROM j.cleaned_at - j.started_at) / 86400)::double precision AS days_to_cleaned,
        (extract(epoch FROM j.nurtured_at - j.started_at) / 86400)::double precision AS days_to_nurtured,
        (extract(epoch FROM j.opportunity_at - j.started_at) / 86400)::double precision AS days_to_opportunity,
        (extract(epoch FROM j.won_at - j.started_at) / 86400)::double precision AS days_to_won,
        (extract(epoch FROM j.churned_at - j.started_at) / 86400)::double precision AS days_to_churned,
        j.amount, CASE WHEN j.amount IS NOT NULL THEN j.currency END AS currency
    FROM public.journeys AS j JOIN public.leads AS l ON l.id = j.lead_id
    WHERE j.counted
"""

_TRANSITIONS = """
    SELECT t.lead_id, t.sequence, t.journey, j.channel, j.campaign, j.entry_stage, t.event, t.from_stage, t.to_stage, t.skipped, t.reason,
        t.category, t.amount, t.currency, t.occurred_at, t.recorded_at,
        (extract(epoch FROM t.occurred_at - t.previous_at) / 86400)::double precision AS days_in_stage_left
    FROM public.transitions AS t JOIN public.journeys AS j ON j.lead_id = t.lead_id AND j.number = t.journey
    WHERE t.superseded_at IS NULL AND j.counted
"""

_FUNNEL = f"""
    SELECT day, channel, campaign, entry_stage, sum(journeys)::bigint AS entered,
        {", ".join(_sum("journeys", f"furthest >= {rank}", f"reached_{_STAGES[rank]}") for rank in range(1, 5))},
        {_sum("journeys", "outcome = 0 AND furthest < 4", "open")},
        {", ".join(_sum("journeys", f"outcome = {number}", f"churned_{name}") for number, name in enumerate(_CATEGORIES, 1))},
        {_sum("journeys", "furthest = 4 OR outcome > 0", "decided")}
    FROM ({_COUNTED}) AS counted
    GROUP BY day, channel, campaign, entry_stage HAVING sum(journeys) <> 0
"""

_FUNNEL_STAGES = f"""
    SELECT day, channel, campaign, entry_stage, number AS stage_number, stage, {_sum("journeys", "furthest >= number", "reached")},
        {_sum("journeys", "number = 0 OR number = 4 AND furthest = 4 OR number < 4 AND mask >> (number - 1) & 1 = 1", "entered")},
        {_sum("journeys", "furthest = number AND outcome = 0 AND number < 4", "open")},
        {", ".join(_sum("journeys", f"furthest = number AND outcome = {n}", f"churned_{name}") for n, name in enumerate(_CATEGORIES, 1))}
    FROM ({_COUNTED}) AS counted
    CROSS JOIN (VALUES {", ".join(f"({rank}, '{stage}')" for rank, stage in enumerate(_STAGES))}) AS stages (number, stage)
    GROUP BY day, channel, campaign, entry_stage, number, stage HAVING sum(journeys) <> 0
"""


def _moved(grain: str) -> str:
    names = "bucket, channel, campaign, from_stage, to_stage, moved_in, moved_out"
    return (
        f"SELECT {names} FROM public.flow_rollup WHERE grain = {grain} UNION ALL SELECT {names} FROM public.flow_deltas"
    )


_FLOW = f"""
    SELECT bucket::date AS day, channel, campaign, from_stage, to_stage, sum(moved_in)::bigint AS moves, sum(moved_out)::bigint AS exits
    FROM ({_moved(_GRAIN)}) AS moved
    GROUP BY bucket::date, channel, campaign, from_stage, to_stage HAVING sum(moved_in) <> 0 OR sum(moved_out) <> 0
"""

_SIDES = "CROSS JOIN LATERAL (VALUES (to_stage, moved_in), (from_stage, -moved_out)) AS side (stage, leads)"

_OCCUPANCY = f"""
    SELECT channel, campaign, stage, sum(leads)::bigint AS leads
    FROM ({_moved("3")}) AS moved {_SIDES}
    WHERE stage IS NOT NULL
    GROUP BY channel, campaign, stage HAVING sum(leads) <> 0
"""

# What a move made of a stage holds until the next one: a day without moves has its leads, too.
_OCCUPANCY_DAILY = f"""
    WITH grown AS (
        SELECT bucket::date AS day, channel, campaign, stage, sum(leads) AS leads
        FROM ({_moved(_GRAIN)}) AS moved {_SIDES}
        WHERE stage IS NOT NULL
        GROUP BY bucket::date, channel, campaign, stage
    ), standing AS (
        SELECT day, channel, campaign, stage, sum(leads) OVER until AS leads, lead(day) OVER until AS changed
        FROM grown WINDOW until AS (PARTITION BY channel, campaign, stage ORDER BY day)
    )
    SELECT day + after AS day, channel, campaign, stage, leads::bigint AS leads
    FROM standing CROSS JOIN LATERAL generate_series(0, coalesce(changed, greatest(current_date, day) + 1) - day - 1) AS after
    WHERE leads <> 0
"""


def _wins(axis: int) -> str:
    names = "bucket, channel, campaign, entry_stage, currency, count, amount, seconds"
    return f"""
        SELECT bucket::date AS day, channel, campaign, entry_stage, currency, sum(count)::bigint AS wins,
            CASE WHEN entry_stage = 'opportunity' THEN 0 ELSE sum(count) END::bigint AS customers, sum(amount) AS amount,
            (sum(seconds) / 86400)::double precision AS days_to_win
        FROM (SELECT {names} FROM public.win_rollup WHERE axis = {axis} AND grain = {_GRAIN}
            UNION ALL SELECT {names} FROM public.win_deltas WHERE axis = {axis}) AS won
        GROUP BY bucket::date, channel, campaign, entry_stage, currency HAVING sum(count) <> 0
    """


_SPEND = """
    SELECT period_start + after AS day, channel, campaign, currency, sum(amount / (period_end - period_start + 1)) AS spend,
        coalesce(sum(budget / (period_end - period_start + 1)), 0) AS budget
    FROM public.spend CROSS JOIN LATERAL generate_series(0, period_end - period_start) AS after
    GROUP BY period_start + after, channel, campaign, currency
"""


def _returns(keys: str, *, month: bool = False) -> str:
    """Return what groups brought, by when their journeys started, and what they cost: a row for each currency, or one if there is none."""
    chosen = f"date_trunc('month', day::timestamp)::date AS month, {keys}" if month else keys
    by = f"month, {keys}" if month else keys
    spent = "" if month else "WHERE day <= current_date"
    return f"""
        WITH facts AS (
            SELECT {chosen}, NULL AS currency, entered AS leads, reached_opportunity AS opportunities, 0 AS wins, 0 AS customers, 0 AS paid,
                0 AS days, 0 AS revenue, NULL::numeric AS spend, NULL::numeric AS budget
            FROM reporting.funnel_daily
            UNION ALL SELECT {chosen}, currency, 0, 0, wins, customers, CASE WHEN currency IS NULL THEN 0 ELSE wins END, days_to_win, amount,
                NULL, NULL
            FROM reporting.cohort_wins_daily
            UNION ALL SELECT {chosen}, currency, 0, 0, 0, 0, 0, 0, 0, spend, budget FROM reporting.spend_daily {spent}
        ), summed AS (
            SELECT {by}, currency, sum(leads) AS leads, sum(opportunities) AS opportunities, sum(wins) AS wins, sum(customers) AS customers,
                sum(paid) AS paid, sum(days) AS days, sum(revenue) AS revenue, sum(spend) AS spend, sum(budget) AS budget
            FROM facts GROUP BY {by}, currency
        ), whole AS (
            SELECT {by}, currency, revenue, paid, spend, budget, sum(leads) OVER key AS leads, sum(opportunities) OVER key AS opportunities,
                sum(wins) OVER key AS wins, sum(customers) OVER key AS customers, sum(wins - paid) OVER key AS without_amount,
                sum(days) OVER key AS days, count(currency) OVER key AS currencies
            FROM summed WINDOW key AS (PARTITION BY {by})
        )
        SELECT {by}, leads::bigint AS leads, opportunities::bigint AS opportunities, wins::bigint AS wins, customers::bigint AS customers,
            (wins / nullif(leads, 0))::double precision AS conversion, days / nullif(wins, 0)::double precision AS mean_days_to_win,
            without_amount::bigint AS wins_without_amount, currency,
            CASE WHEN currency IS NOT NULL THEN revenue END::numeric AS revenue, (revenue / nullif(paid, 0))::numeric AS revenue_per_win,
            spend, budget, spend / nullif(leads, 0) AS cost_per_lead, spend / nullif(opportunities, 0) AS cost_per_opportunity,
            spend / nullif(customers, 0) AS cost_per_customer, ((revenue - spend) / nullif(spend, 0))::double precision AS roi
        FROM whole WHERE currency IS NOT NULL OR currencies = 0
    """


# An age bucket ends with its last instant; a cohort is seen at an age once its youngest is that old.
_COHORTS = """
    WITH counted AS (
        SELECT date_trunc('month', started_at)::date AS month, channel, milestone,
            CASE WHEN at IS NOT NULL THEN greatest(ceil(extract(epoch FROM at - started_at) / (30 * 86400)) - 1, 0) END AS age,
            count(*) AS journeys
        FROM public.journeys CROSS JOIN LATERAL (VALUES ('cleaned', least(cleaned_at, nurtured_at, opportunity_at, won_at)),
            ('nurtured', least(nurtured_at, opportunity_at, won_at)), ('opportunity', least(opportunity_at, won_at)), ('won', won_at),
            ('churned', churned_at)) AS came (milestone, at)
        WHERE counted
        GROUP BY 1, 2, 3, 4
    ), cells AS (
        SELECT month, channel, milestone, step, (month + interval '1 month')::timestamptz + make_interval(hours => 720 * step) <= now() AS seen,
            sum(journeys) AS entered, coalesce(sum(journeys) FILTER (WHERE age = step - 1), 0) AS came,
            coalesce(sum(journeys) FILTER (WHERE age < step), 0) AS so_far
        FROM counted CROSS JOIN generate_series(1, 12) AS step
        GROUP BY month, channel, milestone, step
    )
    SELECT month, channel, milestone, 30 * step AS age_days, entered::bigint AS entered,
        CASE WHEN seen THEN came END::bigint AS came, CASE WHEN seen THEN so_far END::bigint AS came_so_far
    FROM cells
"""

_BY_STAGE = (
    "furthest_number furthest_stage outcome reason is_open cleaned_at nurtured_at opportunity_at won_at churned_at"
)
_DAYS_TO = "days_to_cleaned days_to_nurtured days_to_opportunity days_to_won days_to_churned"
_CHURNED = "churned_disqualified churned_lost churned_lapsed churned_customer"
_BROUGHT = """leads opportunities wins customers conversion mean_days_to_win wins_without_amount currency revenue revenue_per_win
    spend budget cost_per_lead cost_per_opportunity cost_per_customer roi"""

# What it is, its columns, and where they come from.
_VIEWS = {
    "journeys": (
        "Every journey that counts, one row each: where it came from, how far it came, when, and what it is worth",
        f"""lead_id journey channel campaign entry_stage industry company_size country region score score_band
            started_at stage stage_entered_at {_BY_STAGE} {_DAYS_TO} amount currency""",
        _JOURNEYS,
    ),
    "transitions": (
        "Every move that holds, one row each: what was corrected away is not there",
        """lead_id sequence journey channel campaign entry_stage event from_stage to_stage skipped reason category amount currency
            occurred_at recorded_at days_in_stage_left""",
        _TRANSITIONS,
    ),
    "funnel_daily": (
        "How far the journeys came that started on a day; stages that were passed over count as reached",
        f"""day channel campaign entry_stage entered reached_cleaned reached_nurtured reached_opportunity reached_won
            open {_CHURNED} decided""",
        _FUNNEL,
    ),
    "funnel_stages_daily": (
        "The same with a row for each stage of the funnel, as funnel charts want it",
        f"day channel campaign entry_stage stage_number stage reached entered open {_CHURNED}",
        _FUNNEL_STAGES,
    ),
    "flow_daily": (
        "How often leads moved from stage to stage on a day",
        "day channel campaign from_stage to_stage moves exits",
        _FLOW,
    ),
    "occupancy": ("How many leads stand in each stage now", "channel campaign stage leads", _OCCUPANCY),
    "occupancy_daily": (
        "How many leads stood in each stage at the end of a day; today, so far",
        "day channel campaign stage leads",
        _OCCUPANCY_DAILY,
    ),
    "wins_daily": (
        "Wins by the day they happened",
        "day channel campaign entry_stage currency wins customers amount days_to_win",
        _wins(1),
    ),
    "cohort_wins_daily": (
        "Wins by the day their journey started: what became of those that came in that day",
        "day channel campaign entry_stage currency wins customers amount days_to_win",
        _wins(0),
    ),
    "spend_daily": (
        "What was spent and budgeted, spread evenly over the days of its period",
        "day channel campaign currency spend budget",
        _SPEND,
    ),
    "channels": (
        "What each channel brought and cost until today, a row for each currency",
        f"channel {_BROUGHT}",
        _returns("channel"),
    ),
    "campaigns": (
        "What each campaign of a channel brought and cost until today, a row for each currency",
        f"channel campaign {_BROUGHT}",
        _returns("channel, campaign"),
    ),
    "channel_months": (
        "What the journeys that started in a month brought so far, and what that month cost, a row for each currency",
        f"month channel {_BROUGHT}",
        _returns("channel", month=True),
    ),
    "cohort_months": (
        "Of the journeys that started in a month: how many came to a milestone at which age",
        "month channel milestone age_days entered came came_so_far",
        _COHORTS,
    ),
}

_COLUMNS = {
    "lead_id": "The lead, a random identifier; GET /v1/leads/{id} knows who that is",
    "journey": "Which of the lead's journeys, from 1",
    "sequence": "Which of the lead's moves, from 1",
    "channel": "Channel that started the journey; null where none is known, which is not a channel called unknown",
    "campaign": "Campaign that started the journey; null where none is known",
    "entry_stage": "Stage the journey started in: acquired, reactivated, or opportunity for a repurchase",
    "industry": "The lead's industry, as it is now",
    "company_size": "The lead's company size, as it is now",
    "country": "The lead's country, ISO 3166-1 alpha-2, as it is now",
    "region": "The lead's region, as it is now",
    "score": "The lead's score, as it is now",
    "score_band": "below-25, 25-49, 50-74 or from-75",
    "started_at": "When the journey started",
    "stage": "The stage",
    "journeys.stage": "The stage that it stands in",
    "stage_entered_at": "When it came into that stage",
    "furthest_number": "The furthest funnel stage as a number: 0 entry, 1 cleaned, 2 nurtured, 3 opportunity, 4 won",
    "furthest_stage": "The furthest funnel stage; acquired stands for the entry, whichever it was",
    "outcome": "open, or the category of the churn: disqualified, lost, lapsed, customer",
    "reason": "Code of the reason, of churns and recycles",
    "journeys.reason": "Code of the reason it churned for",
    "is_open": "Neither won nor churned",
    "cleaned_at": "When it was first cleaned, if it was",
    "nurtured_at": "When it was first nurtured, if it was",
    "opportunity_at": "When it first became an opportunity, if it did",
    "won_at": "When it was won, if it was",
    "churned_at": "When it churned, if it did",
    "days_to_cleaned": "Days of 24 hours from the start until then; null if it did not come to that",
    "days_to_nurtured": "Days of 24 hours from the start until then; null if it did not come to that",
    "days_to_opportunity": "Days of 24 hours from the start until then; null if it did not come to that",
    "days_to_won": "Days of 24 hours from the start until then; null if it did not come to that",
    "days_to_churned": "Days of 24 hours from the start until then; null if it did not come to that",
    "amount": "What the win brought, in its currency; nothing is ever converted",
    "journeys.amount": "What it is worth, in its currency; it counts as revenue once the journey is won",
    "transitions.amount": "What was said with the move of what the journey is worth, in its currency",
    "currency": "Currency, ISO 4217; null where no amount was told",
    "event": "Name of the move: acquire, clean, nurture, qualify, win, churn, recycle, reactivate, repurchase",
    "from_stage": "Stage it left; null for an acquisition",
    "to_stage": "Stage it came into",
    "skipped": "Stages that were passed over",
    "category": "Category of a churn's reason",
    "occurred_at": "When it happened",
    "recorded_at": "When it was told",
    "days_in_stage_left": "How long the lead had been in the stage that it left, in days of 24 hours",
    "day": "Calendar day in the time zone of the session",
    "month": "First day of the calendar month in the time zone of the session",
    "entered": "Journeys that started",
    "funnel_stages_daily.entered": "Journeys that entered the stage itself",
    "reached_cleaned": "Of those, that were cleaned or came further",
    "reached_nurtured": "Of those, that were nurtured or came further",
    "reached_opportunity": "Of those, that became an opportunity or came further",
    "reached_won": "Of those, that were won",
    "reached": "Journeys that entered the stage or a later one",
    "open": "Of those, that are neither won nor churned",
    "funnel_stages_daily.open": "Journeys that came this far and have neither been won nor churned",
    "churned_disqualified": "Churned because they were none of ours",
    "churned_lost": "Churned because they decided otherwise",
    "churned_lapsed": "Churned because nothing came any more",
    "churned_customer": "Churned as a customer",
    "decided": "Won or churned: what the decided win rate is of",
    "stage_number": "The stage as a number, to sort by: 0 entry to 4 won",
    "moves": "Moves into to_stage, counted for the channel of the journey they belong to",
    "exits": "Moves out of from_stage, counted for the channel of the journey they left; another one only where a new journey begins",
    "leads": "Journeys that started",
    "occupancy.leads": "Leads that stand in the stage",
    "occupancy_daily.leads": "Leads that stood in the stage",
    "wins": "Journeys that were won",
    "customers": "Wins that are no repurchase",
    "days_to_win": "Sum of the days from start to win; divided by wins, the mean",
    "spend": "What was spent; null where nothing is known to have been",
    "budget": "What was budgeted",
    "opportunities": "Of those, that became an opportunity or came further, so far",
    "conversion": "Wins of the journeys that started",
    "mean_days_to_win": "Mean days from start to win",
    "wins_without_amount": "Wins of which no amount was told",
    "revenue": "What the wins brought in this currency",
    "revenue_per_win": "Revenue of each win with an amount in this currency",
    "cost_per_lead": "Spend in this currency for each journey that started",
    "cost_per_opportunity": "Spend in this currency for each opportunity",
    "cost_per_customer": "Spend in this currency for each customer",
    "roi": "(revenue - spend) / spend, in this currency",
    "milestone": "cleaned, nurtured, opportunity, won (or further), or churned",
    "age_days": "End of the age bucket, in days of 24 hours after the start: 30, 60 and so on to 360",
    "came": "That came to the milestone in that age bucket; null until the youngest are old enough",
    "came_so_far": "That came to the milestone by that age; null until the youngest are old enough",
}


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.execute("CREATE SCHEMA reporting")
    op.execute("COMMENT ON SCHEMA reporting IS 'For reading: the figures of the statistics, without personal data'")
    for name, (comment, listed, query) in _VIEWS.items():
        columns = listed.split()
        op.execute(f"CREATE VIEW reporting.{name} ({', '.join(columns)}) AS {query}")
        op.execute(f"COMMENT ON VIEW reporting.{name} IS '{comment}'")
        for column in columns:
            words = (_COLUMNS.get(f"{name}.{column}") or _COLUMNS[column]).replace("'", "''")
            op.execute(f"COMMENT ON COLUMN reporting.{name}.{column} IS '{words}'")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    for name in reversed(_VIEWS):
        op.execute(f"DROP VIEW reporting.{name}")
    op.execute("DROP SCHEMA reporting")
