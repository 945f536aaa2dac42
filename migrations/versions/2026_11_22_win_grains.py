"""Wins are also counted however many days they took: what only asks for their number and their money reads far fewer rows."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_win_grains"
down_revision = "2026_11_22_uncounted"
branch_labels = None
depends_on = None

# The grains of before (a day, a month, a year; month and year of all campaigns) and, twenty above them, the same with all days in one.
_POOLED = """
    INSERT INTO win_rollup (axis, grain, bucket, channel, campaign, entry_stage, currency, days, count, amount, squares, seconds)
    SELECT axis, grain + 20, bucket, channel, campaign, entry_stage, currency, 0, sum(count), sum(amount), sum(squares), sum(seconds)
    FROM win_rollup WHERE grain IN (1, 2, 3, 12, 13)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    HAVING sum(count) <> 0 OR sum(amount) <> 0 OR sum(squares) <> 0 OR sum(seconds) <> 0
    ORDER BY 1, 2, 3, 4, 5, 6, 7
"""


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    # Nobody folds into the rollup meanwhile; what was folded by a worker of before afterwards, `leads stats rebuild` would bring.
    op.execute("LOCK TABLE win_rollup IN SHARE ROW EXCLUSIVE MODE")
    op.execute(_POOLED)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.execute("DELETE FROM win_rollup WHERE grain > 20")
