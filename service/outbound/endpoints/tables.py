"""Endpoints, what waits for them, what was tried at them, and what is sent to them again."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Float, Index, Integer, SmallInteger, Table, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from service.core.tables import Instant, metadata

endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("url", Text, nullable=False),
    Column("description", Text),
    # Empty: every type.
    Column("event_types", ARRAY(Text), nullable=False),
    Column("segment", Text),
    Column("filters", JSONB),
    Column("format", Text, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    Column("previous_secret_until", Instant),
    Column("concurrency", SmallInteger, nullable=False),
    # Requests per second; NULL: as many as it takes.
    Column("rate", Float),
    Column("status", Text, nullable=False),
    Column("disabled_reason", Text),
    Column("disabled_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    # Raised by everything people change, so that the worker that delivers to it reads it again.
    Column("revision", Integer, nullable=False),
    # How far in the change feed it is decided what becomes of the events: sent, not for it, or in the queue.
    Column("position", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event_id", UUID, nullable=False),
    # Who delivers to it now, until when (by the database's clock), and how often it changed hands: older tokens write nothing.
    Column("lease_owner", UUID),
    Column("lease_until", Instant),
    Column("lease_token", Integer, nullable=False),
    # How it is: since when nothing but failures, how many new events in a row failed, how often it was probed since, when it is next.
    Column("failing_since", Instant),
    Column("failures", Integer, nullable=False),
    Column("probes", Integer, nullable=False),
    Column("resume_at", Instant),
    Column("last_success_at", Instant),
    CheckConstraint("status IN ('enabled', 'disabled')", name="status"),
    CheckConstraint("concurrency BETWEEN 1 AND 64", name="concurrency"),
)

# Only what failed, and what waits behind it; what goes well never has a row here.
queue = Table(
    "webhook_queue",
    metadata,
    Column("endpoint_id", UUID, primary_key=True),
    # The nil UUID for events that belong to no lead.
    Column("lead_id", UUID, primary_key=True),
    Column("event_id", UUID, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("state", Text, nullable=False),
    # Whether later events of the lead wait for it; not for what is sent once more by hand.
    Column("ordered", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    # How much of the schedule is used up: a try out of turn uses nothing.
    Column("step", Integer, nullable=False),
    # NULL: behind an earlier event of its lead, or given up.
    Column("next_at", Instant),
    Column("status", SmallInteger),
    Column("error", Text),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("state IN ('pending', 'failed')", name="state"),
    Index(
        "ix_webhook_queue_due",
        "endpoint_id",
        "next_at",
        postgresql_where=sql("state = 'pending' AND next_at IS NOT NULL"),
    ),
    Index("ix_webhook_queue_place", "endpoint_id", "position", "sequence", "event_id"),
)

attempts = Table(
    "webhook_attempts",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("endpoint_id", UUID, nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("event_type", Text, nullable=False),
    # 1, 2, 3 …; 0 for a test.
    Column("number", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", SmallInteger),
    Column("error", Text),
    Column("latency_ms", Integer, nullable=False),
    # The first 2 kB; NULL when the person it may tell of was erased.
    Column("answer", Text),
    Column("next_at", Instant),
    Index("ix_webhook_attempts_endpoint", "endpoint_id", "id"),
)

replays = Table(
    "webhook_replays",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("endpoint_id", UUID, nullable=False, index=True),
    Column("event_types", ARRAY(Text), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    # How far it has come, and where it ends: what is behind its end is delivered anyway.
    Column("position", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("end_position", BigInteger, nullable=False),
    Column("end_sequence", Integer, nullable=False),
    Column("end_event_id", UUID, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

# The workers that deliver, seen by the database's clock: they share the endpoints out among themselves.
dispatchers = Table(
    "webhook_dispatchers",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("seen_at", Instant, nullable=False),
)
