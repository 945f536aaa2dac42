"""Until when something is to happen to a lead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

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
    op.create_table(
        "deadlines",
        sa.Column("lead_id", postgresql.UUID(), nullable=False),
        sa.Column("id", postgresql.UUID(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("journey", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("score_band", sa.Text(), nullable=False),
        sa.Column("owner_at_start", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_how", sa.Text(), nullable=True),
        sa.Column("worked_seconds", sa.Double(), nullable=True),
        sa.CheckConstraint("what IN ('first_response', 'leave_stage')", name=op.f("ck_deadlines_what")),
        sa.CheckConstraint(
            "ended_how IN ('met', 'left', 'superseded', 'withdrawn', 'unmeasured')",
            name=op.f("ck_deadlines_ended_how"),
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_how IS NULL)", name=op.f("ck_deadlines_ended")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_deadlines_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "id", name=op.f("pk_deadlines")),
    )
    op.create_index(
        "ix_deadlines_running",
        "deadlines",
        ["due_at", "lead_id", "id"],
        postgresql_where=sa.text("ended_how IS NULL"),
    )
    op.create_index("ix_deadlines_started_at", "deadlines", ["started_at", "lead_id", "id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_table("deadlines")
    op.drop_index("ix_leads_due_at", table_name="leads")
    op.drop_column("leads", "due_at")
