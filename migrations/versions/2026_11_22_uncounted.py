"""The few journeys that do not count are found without reading all of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_uncounted"
down_revision = "2026_11_22_accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.create_index("ix_journeys_uncounted", "journeys", ["lead_id"], postgresql_where=sa.text("NOT counted"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_index("ix_journeys_uncounted", table_name="journeys")
