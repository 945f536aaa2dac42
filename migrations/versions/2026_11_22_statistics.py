"""What questions about time need is kept with each transition and each journey."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_statistics"
down_revision = "2026_11_21_imports"
branch_labels = None
depends_on = None

# A row that was superseded followed the one that held before it when it was recorded.
_PREVIOUS = """
    UPDATE transitions AS t SET previous_at = p.occurred_at FROM transitions AS p
    WHERE p.lead_id = t.lead_id AND p.sequence = t.sequence - 1 AND p.recorded_at <= t.recorded_at
        AND (p.superseded_at IS NULL OR p.superseded_at > t.recorded_at)
"""
_ENTERED = """
    UPDATE journeys AS j SET stage_entered_at = coalesce(
        (SELECT max(t.occurred_at) FROM transitions t
            WHERE t.lead_id = j.lead_id AND t.journey = j.number AND t.superseded_at IS NULL), j.started_at)
"""


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.add_column("transitions", sa.Column("previous_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_PREVIOUS)
    op.add_column("journeys", sa.Column("stage_entered_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_ENTERED)
    op.alter_column("journeys", "stage_entered_at", nullable=False)
    _count_wins()


def _count_wins() -> None:
    op.create_table(
        "win_deltas",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("axis", sa.SmallInteger(), nullable=False),
        *_place(),
        sa.Column("count", sa.Integer(), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_win_deltas")),
    )
    op.create_table(
        "win_rollup",
        sa.Column("axis", sa.SmallInteger(), nullable=False),
        sa.Column("grain", sa.SmallInteger(), nullable=False),
        *_place(),
        sa.Column("count", sa.BigInteger(), nullable=False),
        *_sums(),
    )
    op.create_index(
        "uq_win_rollup",
        "win_rollup",
        ["axis", "grain", "bucket", "channel", "campaign", "entry_stage", "currency", "days"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_include=["count", "amount", "squares", "seconds"],
    )
    # One share of each win that is there already, to be folded like any other.
    op.execute("""
        INSERT INTO win_deltas
        SELECT gen_random_uuid(), axis, date_bin('15 minutes', at, TIMESTAMPTZ '2000-01-01 00:00:00+00'), channel, campaign, entry_stage,
            CASE WHEN amount IS NULL THEN NULL ELSE currency END, floor(extract(epoch FROM won_at - started_at) / 86400)::int,
            1, coalesce(amount, 0), coalesce(amount * amount, 0), floor(extract(epoch FROM won_at - started_at))::bigint
        FROM journeys CROSS JOIN LATERAL (VALUES (0, started_at), (1, won_at)) AS counted (axis, at)
        WHERE counted AND won_at IS NOT NULL
    """)


def _place() -> list[sa.Column]:
    return [
        sa.Column("bucket", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("entry_stage", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
    ]


def _sums() -> list[sa.Column]:
    return [
        sa.Column("amount", sa.Numeric(precision=24, scale=4), nullable=False),
        sa.Column("squares", sa.Numeric(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
    ]


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_table("win_rollup")
    op.drop_table("win_deltas")
    op.drop_column("journeys", "stage_entered_at")
    op.drop_column("transitions", "previous_at")
