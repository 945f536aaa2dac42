"""Identities remember when they were said; a person's deliveries are found for erasure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_21_versions"
down_revision = "2026_11_21_channels"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.create_index(
        "ix_deliveries_leads",
        "deliveries",
        ["lead_ids"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("lead_ids <> '{}'::uuid[]"),
    )
    op.create_index(
        "ix_deliveries_repeated",
        "deliveries",
        ["outcome"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"outcome": "jsonb_path_ops"},
        postgresql_where=sa.text("status = 'duplicate'"),
    )
    op.add_column("identities", sa.Column("said_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_column("identities", "said_at")
    op.drop_index(
        "ix_deliveries_repeated",
        table_name="deliveries",
        postgresql_using="gin",
        postgresql_ops={"outcome": "jsonb_path_ops"},
        postgresql_where=sa.text("status = 'duplicate'"),
    )
    op.drop_index(
        "ix_deliveries_leads",
        table_name="deliveries",
        postgresql_using="gin",
        postgresql_where=sa.text("lead_ids <> '{}'::uuid[]"),
    )
