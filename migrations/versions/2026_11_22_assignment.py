"""Who has which lead, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_assignment"
down_revision = "2026_11_22_deadlines"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_OPEN = "status IN ('offered', 'accepted')"


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.create_table(
        "assignments",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("why", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("journey", sa.Integer(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("offered_at", _INSTANT, nullable=False),
        sa.Column("accept_by", _INSTANT, nullable=True),
        sa.Column("accepted_at", _INSTANT, nullable=True),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "id", name=op.f("pk_assignments")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_assignments_lead_id")),
        sa.CheckConstraint(
            "status IN ('offered', 'accepted', 'rejected', 'reclaimed', 'released', 'ended')",
            name=op.f("ck_assignments_status"),
        ),
        sa.CheckConstraint(f"(ended_at IS NULL) = ({_OPEN})", name=op.f("ck_assignments_ended_at")),
    )
    op.create_index("uq_assignments_open", "assignments", ["lead_id"], unique=True, postgresql_where=sa.text(_OPEN))
    op.create_index("ix_assignments_load", "assignments", ["owner"], postgresql_where=sa.text(_OPEN))
    op.create_index(
        "ix_assignments_declined",
        "assignments",
        ["owner", "lead_id"],
        postgresql_where=sa.text("status IN ('rejected', 'reclaimed')"),
    )
    op.create_index("ix_assignments_offered_at", "assignments", ["offered_at", "id"])
    op.create_index("ix_assignments_owner", "assignments", ["owner", "offered_at", "id"])
    op.create_index(
        "ix_leads_pool",
        "leads",
        ["stage_entered_at", "id"],
        postgresql_where=sa.text(
            "owner IS NULL AND stage = 'opportunity' AND merged_into IS NULL AND erased_at IS NULL"
        ),
    )
    op.create_table(
        "turns",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("head_start", sa.BigInteger(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("given", sa.BigInteger(), nullable=False),
        sa.Column("last_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("team", "owner", name=op.f("pk_turns")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_index("ix_leads_pool", "leads")
    op.drop_table("turns")
    op.drop_table("assignments")
