"""Channels: what was refused, who has fallen silent, and indexes to count deliveries by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_21_channels"
down_revision = "2026_11_21_activities"
branch_labels = None
depends_on = None

_BEFORE = (
    ("ix_deliveries_waiting", ["id"], "status = 'received'"),
    ("ix_deliveries_channel", ["channel", "id"], None),
    ("ix_deliveries_dead", ["id"], "status = 'dead'"),
)
_AFTER = (
    ("ix_deliveries_waiting", ["id"], "status = 'received'", ["channel"]),
    ("ix_deliveries_channel", ["channel", "id"], None, ["status"]),
    ("ix_deliveries_dead", ["id"], "status = 'dead'", ["channel"]),
    ("ix_deliveries_pending_fetch", ["due_at"], "status = 'pending_fetch'", ["channel", "id"]),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.add_column("channels", sa.Column("silent_since", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "channel_refusals",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "day", "code", name=op.f("pk_channel_refusals")),
    )
    for name, _, _ in _BEFORE:
        op.drop_index(name, table_name="deliveries")
    for name, columns, where, include in _AFTER:
        predicate = None if where is None else sa.text(where)
        op.create_index(name, "deliveries", columns, postgresql_where=predicate, postgresql_include=include)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    for name, _, _, _ in _AFTER:
        op.drop_index(name, table_name="deliveries")
    for name, columns, where in _BEFORE:
        op.create_index(name, "deliveries", columns, postgresql_where=None if where is None else sa.text(where))
    op.drop_table("channel_refusals")
    op.drop_column("channels", "silent_since")
