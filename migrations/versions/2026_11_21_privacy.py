"""Consents are records; who was erased or blocked is known by hash only."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_21_privacy"
down_revision = "2026_11_21_attributes"
branch_labels = None
depends_on = None

# What leads say of their consents until now becomes their first records: of when it was said we know no more than the lead's last change.
_FIRST_RECORDS = """
INSERT INTO consents (lead_id, id, purpose, granted, basis, media, source, evidence, actor, occurred_at, recorded_at)
SELECT leads.id, gen_random_uuid(), word.key,
    CASE WHEN jsonb_typeof(word.value) = 'boolean' THEN CAST(word.value AS boolean)
        WHEN jsonb_typeof(word.value -> 'granted') = 'boolean' THEN CAST(word.value -> 'granted' AS boolean) END,
    'consent', '{}', word.value ->> 'source',
    CASE WHEN jsonb_typeof(word.value) = 'boolean' THEN '{}' ELSE jsonb_build_object('said', word.value) END,
    'migration', leads.updated_at, now()
FROM leads CROSS JOIN LATERAL jsonb_each(leads.consent) AS word
WHERE jsonb_typeof(leads.consent) = 'object' AND leads.erased_at IS NULL
"""


def upgrade() -> None:
    # Rather fail and be tried again than queue every request behind a lock.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.create_table(
        "consents",
        sa.Column("lead_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("media", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("wording", sa.Text(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.UUID(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_from", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_consents_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", "id", name=op.f("pk_consents")),
    )
    op.execute(_FIRST_RECORDS)
    op.create_table(
        "suppressions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('email', 'phone', 'domain', 'external')", name=op.f("ck_suppressions_kind")),
        sa.CheckConstraint("reason IN ('erased', 'blocked', 'unsubscribed')", name=op.f("ck_suppressions_reason")),
        sa.PrimaryKeyConstraint("hash", "reason", name=op.f("pk_suppressions")),
    )
    op.add_column("leads", sa.Column("suppressed", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("channels", sa.Column("emptied_to", sa.UUID(), nullable=True))
    op.add_column("installation", sa.Column("pepper", sa.LargeBinary(), nullable=True))
    # One row, or none where the service has never been started: then the first start writes it.
    key = secrets.token_bytes(32).ljust(64, b"\0")
    pads = bytes(byte ^ 0x36 for byte in key) + bytes(byte ^ 0x5C for byte in key)
    op.get_bind().execute(sa.text("UPDATE installation SET pepper = :pads"), {"pads": pads})
    op.alter_column("installation", "pepper", nullable=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    op.drop_column("installation", "pepper")
    op.drop_column("channels", "emptied_to")
    op.drop_column("leads", "suppressed")
    op.drop_table("suppressions")
    op.drop_table("consents")
