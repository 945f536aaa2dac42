"""Deltas have no key and no index: they are read whole, and gone after some seconds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_bare_deltas"
down_revision = "2026_11_22_told"
branch_labels = None
depends_on = None

_TABLES = ("cohort_deltas", "flow_deltas", "win_deltas")


def upgrade() -> None:
    # Workers of before cannot write without it: stop the service first (README, "Upgrading").
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in _TABLES:
        op.drop_column(table, "id")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in _TABLES:
        op.add_column(
            table, sa.Column("id", postgresql.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False)
        )
        op.alter_column(table, "id", server_default=None)
        op.create_primary_key(op.f(f"pk_{table}"), table, ["id"])
