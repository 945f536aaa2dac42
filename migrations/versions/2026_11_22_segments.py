"""Leads are counted as they were when a journey began, too, and filters have names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_segments"
down_revision = "2026_11_22_bodies"
branch_labels = None
depends_on = None

# What a lead was when its earlier journeys began was not kept: what it is now stands for it.
_ENTERED = """
    UPDATE journeys AS j SET entered_as = kept.entered_as
    FROM (
        SELECT id, jsonb_strip_nulls(jsonb_build_object(
            'industry', nullif(industry, ''), 'company_size', nullif(company_size, ''), 'country', nullif(country, ''),
            'region', nullif(region, ''), 'owner', nullif(owner, ''), 'score', nullif(score, 0),
            'tags', CASE WHEN tags <> '{}' THEN to_jsonb(tags) END))
            || CASE WHEN attributes <> '{}' THEN jsonb_build_object('attributes', attributes) ELSE '{}' END AS entered_as
        FROM leads
    ) AS kept
    WHERE kept.id = j.lead_id AND kept.entered_as <> '{}'
"""


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.add_column(
        "journeys",
        sa.Column("entered_as", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    op.execute(_ENTERED)
    op.create_table(
        "segments",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("filters", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_segments")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_table("segments")
    op.drop_column("journeys", "entered_as")
