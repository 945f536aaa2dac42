"""Who is who in a company."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_accounts"
down_revision = "2026_11_22_assignment"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.create_index(
        "ix_leads_company_domain",
        "leads",
        ["company_domain", "id"],
        postgresql_where=sa.text("company_domain IS NOT NULL AND merged_into IS NULL"),
    )
    op.create_table(
        "buying_roles",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_buying_roles_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "id", name=op.f("pk_buying_roles")),
    )
    op.create_index(
        "uq_buying_roles_current",
        "buying_roles",
        ["lead_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "account_tiers",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("why", postgresql.JSONB(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_account_tiers")),
    )
    op.create_index(
        "ix_account_tiers_tier",
        "account_tiers",
        ["tier", "domain"],
        postgresql_where=sa.text("tier IS NOT NULL"),
    )
    op.create_table(
        "accounts_due",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_accounts_due")),
    )
    op.create_table(
        "account_remains",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("deals", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(20, 4), nullable=False),
        sa.PrimaryKeyConstraint("domain", "currency", name=op.f("pk_account_remains")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_table("account_remains")
    op.drop_table("accounts_due")
    op.drop_table("account_tiers")
    op.drop_table("buying_roles")
    op.drop_index("ix_leads_company_domain", table_name="leads")
