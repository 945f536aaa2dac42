"""Channels, and the raw deliveries that came in through them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from service.core.tables import Instant, metadata

channels = Table(
    "channels",
    metadata,
    Column("key", Text, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("name", Text),
    Column("secret", Text),
    # During a rotation both secrets verify until previous_secret_until.
    Column("previous_secret", Text),
    Column("previous_secret_until", Instant),
    Column("settings", JSONB, nullable=False),
    Column("mapping", JSONB, nullable=False),
    Column("defaults", JSONB, nullable=False),
    Column("policy", JSONB, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # When it last spoke before it was reported as silent; once it speaks again this is not its last delivery any more.
    Column("silent_since", Instant),
    # Up to which of its deliveries the content was forgotten, because it was kept long enough.
    Column("emptied_to", UUID),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("deleted_at", Instant),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("bucket", SmallInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("method", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("query", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # When what it needs is to be fetched (again); only while it is 'pending_fetch'.
    Column("due_at", Instant),
    Column("dedupe_key", Text),
    Column("reason", Text),
    Column("detail", Text),
    # What became of it, one entry a submission: {"lead_id", "result": "created" | "matched" | …}
    Column("outcome", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("lead_ids", ARRAY(UUID), nullable=False, server_default=text("'{}'::uuid[]")),
    Column("processed_at", Instant),
    CheckConstraint(
        "status IN ('received', 'pending_fetch', 'processed', 'duplicate', 'ignored', 'dead')", name="status"
    ),
    # What is included lets a channel's deliveries be counted without reading them.
    Index("ix_deliveries_waiting", "id", postgresql_where=text("status = 'received'"), postgresql_include=["channel"]),
    Index(
        "ix_deliveries_pending_fetch",
        "due_at",
        postgresql_where=text("status = 'pending_fetch'"),
        postgresql_include=["channel", "id"],
    ),
    Index("ix_deliveries_channel", "channel", "id", postgresql_include=["status"]),
    # What deliveries hold of a person, for its erasure.
    Index(
        "ix_deliveries_leads",
        "lead_ids",
        postgresql_using="gin",
        postgresql_where=text("lead_ids <> '{}'::uuid[]"),
    ),
    Index(
        "ix_deliveries_repeated",
        "outcome",
        postgresql_using="gin",
        postgresql_ops={"outcome": "jsonb_path_ops"},
        postgresql_where=text("status = 'duplicate'"),
    ),
    Index("ix_deliveries_dead", "id", postgresql_where=text("status = 'dead'"), postgresql_include=["channel"]),
)

# Outlives the deliveries it was made from: for vendors that sign no timestamp this is the only defence against replay.
delivery_keys = Table(
    "delivery_keys",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("dedupe_key", Text, primary_key=True),
    Column("delivery_id", UUID, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# Of what was refused nothing is stored but how often it happened, by day (UTC) and reason.
channel_refusals = Table(
    "channel_refusals",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
