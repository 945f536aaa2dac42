"""Counters of octads (days 1, 9, 17 and 25 of each month on): days that are no month are then a few octads and fewer days."""

from __future__ import annotations

from alembic import op

revision = "2026_11_23_octads"
down_revision = "2026_11_22_untold_budgets"
branch_labels = None
depends_on = None

_BUCKET = """date_trunc('month', bucket, 'UTC')
    + INTERVAL '192 hours' * ((extract(day FROM bucket AT TIME ZONE 'UTC')::int - 1) / 8)"""
# Of each rollup that has no histograms: its key after the bucket and the campaign, and what it sums.
_ROLLUPS = {
    "cohort": ("channel", "entry_stage, cell", ("count",)),
    "flow": ("channel", "from_stage, to_stage", ("moved_in", "moved_out")),
}
_SUMS = "count, amount, squares, seconds"


def upgrade() -> None:
    # A worker of before would fold into the other grains alone: stop the service first (README, "Upgrading").
    _begin()
    for kind, (before, after, sums) in _ROLLUPS.items():
        named = f"bucket, {before}, campaign, {after}"
        # A day is added up, or lies loose beside those that are.
        for grain, campaign in ((4, "campaign"), (14, "NULL::text")):
            op.execute(f"""
                INSERT INTO {kind}_rollup (grain, {named}, {", ".join(sums)})
                SELECT {grain}, {_BUCKET}, {before}, {campaign}, {after}, {", ".join(f"sum({name})::bigint" for name in sums)}
                FROM {kind}_rollup WHERE grain IN (1, -2) GROUP BY 1, 2, 3, 4, 5, 6
                HAVING {" OR ".join(f"sum({name}) <> 0" for name in sums)} ORDER BY 1, 2, 3, 4, 5, 6
            """)
    for grain, campaign in ((24, "campaign"), (34, "NULL::text")):
        op.execute(f"""
            INSERT INTO win_rollup (axis, grain, bucket, channel, campaign, entry_stage, currency, days, {_SUMS}, times)
            SELECT axis, {grain}, bucket, channel, campaign, entry_stage, currency, 0, sum(count), sum(amount), sum(squares),
                sum(seconds), array_agg(days * 1099511627776 + count ORDER BY days) FILTER (WHERE count <> 0)
            FROM (
                SELECT axis, {_BUCKET} AS bucket, channel, {campaign} AS campaign, entry_stage, currency, days,
                    sum(count)::bigint AS count, sum(amount) AS amount, sum(squares) AS squares, sum(seconds)::bigint AS seconds
                FROM win_rollup WHERE grain IN (0, -1) GROUP BY 1, 2, 3, 4, 5, 6, 7
            ) AS level GROUP BY 1, 2, 3, 4, 5, 6, 7
            HAVING sum(count) <> 0 OR sum(amount) <> 0 OR sum(squares) <> 0 OR sum(seconds) <> 0
            ORDER BY 1, 2, 3, 4, 5, 6, 7
        """)


def downgrade() -> None:
    _begin()
    for kind in (*_ROLLUPS, "win"):
        op.execute(f"DELETE FROM {kind}_rollup WHERE grain IN (4, 14, 24, 34)")


def _begin() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    for kind in (*_ROLLUPS, "win"):
        op.execute(f"LOCK TABLE {kind}_rollup IN SHARE ROW EXCLUSIVE MODE")
