"""What questions about time need is kept with each transition and each journey."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_statistics"
down_revision = "2026_11_21_imports"
branch_labels = None
depends_on = None

# A row that was superseded followed the one that held before it when it was recorded.
_PREVIOUS = """
    UPDATE transitions AS t SET previous_at = p.occurred_at FROM transitions AS p
    WHERE p.lead_id = t.lead_id AND p.sequence = t.sequence - 1 AND p.recorded_at <= t.recorded_at
        AND (p.superseded_at IS NULL OR p.superseded_at > t.recorded_at)
"""
_ENTERED = """
    UPDATE journeys AS j SET stage_entered_at = coalesce(
        (SELECT max(t.occurred_at) FROM transitions t
            WHERE t.lead_id = j.lead_id AND t.journey = j.number AND t.superseded_at IS NULL), j.started_at)
"""


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.add_column("transitions", sa.Column("previous_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_PREVIOUS)
    op.add_column("journeys", sa.Column("stage_entered_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_ENTERED)
    op.alter_column("journeys", "stage_entered_at", nullable=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_column("journeys", "stage_entered_at")
    op.drop_column("transitions", "previous_at")
