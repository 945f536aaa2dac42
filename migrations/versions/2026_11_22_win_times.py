"""Wins of a day, a month or a year are one row, with how many took how many days in it, instead of a row for each number of days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_win_times"
down_revision = "2026_11_22_bare_deltas"
branch_labels = None
depends_on = None

# Every other grain follows from the quarter hours: which it is, how it cuts an instant, and whether all campaigns are one in it.
_GRAINS = (
    (1, "day", "campaign"),
    (2, "month", "campaign"),
    (3, "year", "campaign"),
    (12, "month", "NULL"),
    (13, "year", "NULL"),
)
_SUMS = "count, amount, squares, seconds"


def upgrade() -> None:
    _begin()
    op.add_column("win_rollup", sa.Column("times", postgresql.ARRAY(sa.BigInteger())))
    op.execute("DELETE FROM win_rollup WHERE grain <> 0")
    for grain, unit, campaign in _GRAINS:
        op.execute(f"""
            INSERT INTO win_rollup (axis, grain, bucket, channel, campaign, entry_stage, currency, days, {_SUMS}, times)
            SELECT axis, {grain + 20}, bucket, channel, campaign, entry_stage, currency, 0, sum(count), sum(amount), sum(squares),
                sum(seconds), array_agg(days * 1099511627776 + count ORDER BY days) FILTER (WHERE count <> 0)
            FROM ({_by_days(unit, campaign)}) AS level GROUP BY 1, 2, 3, 4, 5, 6, 7
            HAVING sum(count) <> 0 OR sum(amount) <> 0 OR sum(squares) <> 0 OR sum(seconds) <> 0
            ORDER BY 1, 2, 3, 4, 5, 6, 7
        """)
    _views("21")


def downgrade() -> None:
    _begin()
    op.execute("DELETE FROM win_rollup WHERE grain <> 0")
    op.drop_column("win_rollup", "times")
    for grain, unit, campaign in _GRAINS:
        for kept, days in ((grain, "days"), (grain + 20, "0")):
            op.execute(f"""
                INSERT INTO win_rollup (axis, grain, bucket, channel, campaign, entry_stage, currency, days, {_SUMS})
                SELECT axis, {kept}, bucket, channel, campaign, entry_stage, currency, {days}, sum(count), sum(amount), sum(squares),
                    sum(seconds)
                FROM ({_by_days(unit, campaign)}) AS level GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
                HAVING sum(count) <> 0 OR sum(amount) <> 0 OR sum(squares) <> 0 OR sum(seconds) <> 0
                ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
            """)
    _views("1")


def _begin() -> None:
    # Whoever counts by the grains of before would find nothing: stop the service first (README, "Upgrading").
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.execute("LOCK TABLE win_rollup IN SHARE ROW EXCLUSIVE MODE")


def _by_days(unit: str, campaign: str) -> str:
    return f"""
        SELECT axis, date_trunc('{unit}', bucket, 'UTC') AS bucket, channel, {campaign}::text AS campaign, entry_stage, currency, days,
            sum(count)::bigint AS count, sum(amount) AS amount, sum(squares) AS squares, sum(seconds)::bigint AS seconds
        FROM win_rollup WHERE grain = 0 GROUP BY 1, 2, 3, 4, 5, 6, 7
    """


def _views(day: str) -> None:
    """Let the views of wins read the days of this grain."""
    grain = f"CASE WHEN current_setting('TimeZone') IN ('UTC', 'Etc/UTC', 'GMT', 'Etc/GMT') THEN {day} ELSE 0 END"
    names = "bucket, channel, campaign, entry_stage, currency, count, amount, seconds"
    for view, axis in (("wins_daily", 1), ("cohort_wins_daily", 0)):
        op.execute(f"""
            CREATE OR REPLACE VIEW reporting.{view} AS
            SELECT bucket::date AS day, channel, campaign, entry_stage, currency, sum(count)::bigint AS wins,
                CASE WHEN entry_stage = 'opportunity' THEN 0 ELSE sum(count) END::bigint AS customers, sum(amount) AS amount,
                (sum(seconds) / 86400)::double precision AS days_to_win
            FROM (SELECT {names} FROM public.win_rollup WHERE axis = {axis} AND grain = {grain}
                UNION ALL SELECT {names} FROM public.win_deltas WHERE axis = {axis}) AS won
            GROUP BY bucket::date, channel, campaign, entry_stage, currency HAVING sum(count) <> 0
        """)
