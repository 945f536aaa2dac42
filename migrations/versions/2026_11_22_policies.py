"""What policies did and why, and which leads they must not move any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_policies"
down_revision = "2026_11_22_scoring"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.create_table(
        "policy_firings",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("why", postgresql.JSONB(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("actions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("journey", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("transition_id", sa.UUID(), nullable=True),
        sa.Column("fired_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('moved', 'assigned', 'tagged', 'announced', 'refused', 'parked')",
            name=op.f("ck_policy_firings_outcome"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_policy_firings_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "id", name=op.f("pk_policy_firings")),
    )
    op.create_index("ix_policy_firings_lead", "policy_firings", ["lead_id", "policy", "fired_at"])
    op.create_index("ix_policy_firings_fired_at", "policy_firings", ["fired_at", "id"])
    op.create_index("ix_policy_firings_policy", "policy_firings", ["policy", "fired_at", "id"])
    op.create_table(
        "parked_leads",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unparked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unparked_by", sa.Text(), nullable=True),
        sa.CheckConstraint("reason IN ('loop', 'too_many_moves')", name=op.f("ck_parked_leads_reason")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_parked_leads_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "id", name=op.f("pk_parked_leads")),
    )
    is_open = sa.text("unparked_at IS NULL")
    op.create_index("uq_parked_leads_open", "parked_leads", ["lead_id"], unique=True, postgresql_where=is_open)
    op.create_index("ix_parked_leads_parked_at", "parked_leads", ["parked_at", "id"], postgresql_where=is_open)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_table("parked_leads")
    op.drop_table("policy_firings")
