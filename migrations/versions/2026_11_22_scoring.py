"""The ledger of points, and what activities carry that it counts: their tellers' own ids, and ratings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_scoring"
down_revision = "2026_11_22_webhooks"
branch_labels = None
depends_on = None

_RATING = ("rating", "rating_worst", "rating_best")


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.add_column("activities", sa.Column("key", sa.Text(), nullable=True))
    for name in _RATING:
        op.add_column("activities", sa.Column(name, sa.Numeric(12, 4), nullable=True))
    op.create_check_constraint(
        op.f("ck_activities_rating"), "activities", "rating BETWEEN rating_worst AND rating_best"
    )
    op.create_index("ix_activities_key", "activities", ["lead_id", "key"], postgresql_where=sa.text("key IS NOT NULL"))
    op.create_index(
        "ix_activities_rating", "activities", ["occurred_at"], postgresql_where=sa.text("rating IS NOT NULL")
    )
    op.create_table(
        "score_entries",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("half_life_days", sa.Float(), nullable=True),
        sa.Column("activity_id", sa.UUID(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fades_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('fit', 'engagement')", name=op.f("ck_score_entries_kind")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_score_entries_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "id", name=op.f("pk_score_entries")),
    )
    op.create_index("ix_score_entries_live", "score_entries", ["lead_id"], postgresql_where=sa.text("ended_at IS NULL"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_table("score_entries")
    op.drop_index("ix_activities_rating", table_name="activities")
    op.drop_index("ix_activities_key", table_name="activities")
    op.drop_constraint(op.f("ck_activities_rating"), "activities")
    for name in reversed(_RATING):
        op.drop_column("activities", name)
    op.drop_column("activities", "key")
