"""Until when something is to happen to a lead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_deadlines"
down_revision = "2026_11_22_policies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.add_column("leads", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_leads_due_at", "leads", ["due_at", "id"], postgresql_where=sa.text("due_at IS NOT NULL"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_index("ix_leads_due_at", table_name="leads")
    op.drop_column("leads", "due_at")
