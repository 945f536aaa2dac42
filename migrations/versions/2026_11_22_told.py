"""What events tell is kept as it was written: JSON instead of JSONB, which takes PostgreSQL half of the time to take in."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_told"
down_revision = "2026_11_22_kinds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _become("json")


def downgrade() -> None:
    _become("jsonb")


def _become(kind: str) -> None:
    # The table is written anew, some seconds a million events, and nobody reads or writes events meanwhile. Workers of before cannot read what
    # they find after it: stop the service first (README, "Upgrading").
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60min'")
    op.execute(f"ALTER TABLE outbox ALTER COLUMN data TYPE {kind} USING CAST(data AS {kind})")
