"""Two leads of one person become one, and two again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_21_merging"
down_revision = "2026_11_21_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    _remember_merges()
    _set_steps_aside()
    op.create_table(
        "rule_sets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rule_sets")),
    )
    op.add_column("transitions", sa.Column("origin", sa.UUID(), nullable=True))
    op.add_column("transitions", sa.Column("source", sa.UUID(), nullable=True))
    for table in ("touchpoints", "activities"):
        op.add_column(table, sa.Column("merged_from", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
        op.add_column(table, sa.Column("began_with", sa.UUID(), nullable=True))
    op.create_index(
        "ix_leads_merged_into", "leads", ["merged_into"], postgresql_where=sa.text("merged_into IS NOT NULL")
    )


def _remember_merges() -> None:
    op.create_table(
        "merges",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("duplicate_id", sa.UUID(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("why", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("moved", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_merges_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "id", name=op.f("pk_merges")),
    )
    op.create_index("ix_merges_id", "merges", ["id"])
    op.create_index("ix_merges_recorded_at", "merges", ["recorded_at", "id"])
    op.create_index("ix_merges_duplicate_id", "merges", ["duplicate_id"])
    op.create_index(
        "uq_merges_active",
        "merges",
        ["duplicate_id", "lead_id"],
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
    )


def _set_steps_aside() -> None:
    op.create_table(
        "set_aside",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("source", sa.UUID(), nullable=False),
        sa.Column("origin", sa.UUID(), nullable=True),
        sa.Column("among", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("merge_id", sa.UUID(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("from_stage", sa.Text(), nullable=True),
        sa.Column("to_stage", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Numeric(20, 4) if name == "amount" else sa.Text(), nullable=True)
            for name in ("reason", "category", "note", "amount", "currency", "channel", "campaign")
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_set_aside_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "source", name=op.f("pk_set_aside")),
    )
    op.create_index("ix_set_aside_merge_id", "set_aside", ["merge_id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_index("ix_leads_merged_into", table_name="leads", postgresql_where=sa.text("merged_into IS NOT NULL"))
    for table in ("activities", "touchpoints"):
        op.drop_column(table, "began_with")
        op.drop_column(table, "merged_from")
    op.drop_column("transitions", "source")
    op.drop_column("transitions", "origin")
    op.drop_table("rule_sets")
    op.drop_table("set_aside")
    op.drop_table("merges")
