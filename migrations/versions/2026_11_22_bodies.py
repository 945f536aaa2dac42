"""Bodies of two to four kilobytes, as forms have them, are stored as they are: compressing them held up whoever delivers."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_bodies"
down_revision = "2026_11_22_statistics"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.execute("ALTER TABLE deliveries SET (toast_tuple_target = 4096)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.execute("ALTER TABLE deliveries RESET (toast_tuple_target)")
