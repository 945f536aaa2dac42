"""PostgreSQL learns how many kinds of companies there are, so that it shares the work of counting by all their dimensions."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_kinds"
down_revision = "2026_11_22_turns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '1min'")
    # Alone, it takes the numbers of values times each other, and a column without any for one of two hundred. It looks when it analyses.
    op.execute("CREATE STATISTICS leads_kinds (ndistinct) ON industry, company_size, country, region FROM leads")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '1min'")
    op.execute("DROP STATISTICS leads_kinds")
