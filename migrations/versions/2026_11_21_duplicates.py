"""Who may be the same person, and what they have in common."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_21_duplicates"
down_revision = "2026_11_21_merging"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.create_table(
        "match_keys",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "key", name=op.f("pk_match_keys")),
    )
    op.create_index("ix_match_keys_key", "match_keys", ["key", "lead_id"])
    _pairs()
    op.create_table(
        "feed_cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed_cursors")),
    )


def _pairs() -> None:
    op.create_table(
        "duplicates",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("other_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("found_by", sa.Text(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("why", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("carried_from", sa.UUID(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("merge_id", sa.UUID(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'pending', 'dismissed', 'merged')", name=op.f("ck_duplicates_status")),
        sa.CheckConstraint("found_by IN ('similar', 'bridged', 'review')", name=op.f("ck_duplicates_found_by")),
        sa.CheckConstraint("lead_id < other_id", name=op.f("ck_duplicates_order")),
        sa.PrimaryKeyConstraint("lead_id", "other_id", name=op.f("pk_duplicates")),
    )
    op.create_index("ix_duplicates_status", "duplicates", ["status", "score", "id"])
    op.create_index("ix_duplicates_other_id", "duplicates", ["other_id"])
    op.create_index("ix_duplicates_id", "duplicates", ["id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    for table in ("feed_cursors", "duplicates", "match_keys"):
        op.drop_table(table)
