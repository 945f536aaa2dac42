"""What was given is kept beside what was made of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_21_cleaning"
down_revision = "2026_11_21_duplicates"
branch_labels = None
depends_on = None

# Until now the values that could not be used were kept among the attributes.
_TAKE_OUT = """
UPDATE leads SET
    attributes = attributes - ARRAY['raw_email', 'raw_phone', 'raw_country', 'raw_company_domain'],
    raw = (
        SELECT jsonb_object_agg(field, attributes -> ('raw_' || field))
        FROM unnest(ARRAY['email', 'phone', 'country', 'company_domain']) field
        WHERE attributes ? ('raw_' || field)
    )
WHERE attributes ?| ARRAY['raw_email', 'raw_phone', 'raw_country', 'raw_company_domain']
"""
_PUT_BACK = """
UPDATE leads SET attributes = attributes || (
    SELECT coalesce(jsonb_object_agg('raw_' || field, raw -> field), '{}'::jsonb)
    FROM (VALUES ('email', email), ('phone', phone), ('country', country), ('company_domain', company_domain)) known (field, value)
    WHERE value IS NULL AND raw ? field
)
WHERE raw ?| ARRAY['email', 'phone', 'country', 'company_domain']
"""


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.add_column(
        "leads",
        sa.Column(
            "raw", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    op.execute(_TAKE_OUT)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.execute(_PUT_BACK)
    op.drop_column("leads", "raw")
