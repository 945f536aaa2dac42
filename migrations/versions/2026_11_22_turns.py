"""The few moves that lead back, or on to the next journey, are found without reading the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_turns"
down_revision = "2026_11_22_win_grains"
branch_labels = None
depends_on = None

_TURNS = "superseded_at IS NULL AND event IN ('recycle', 'reactivate', 'repurchase')"


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.create_index("ix_transitions_turns", "transitions", ["lead_id", "journey"], postgresql_where=sa.text(_TURNS))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_index("ix_transitions_turns", table_name="transitions")
