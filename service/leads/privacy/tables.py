"""What people agreed to, and of whom we know by a hash alone that they are not to come back unnoticed."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKeyConstraint, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from service.core.tables import Instant, metadata

# Append-only: one row for each time that somebody said something of a purpose. `leads.consent` has the newest word on each.
consents = Table(
    "consents",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("purpose", Text, nullable=False),
    # NULL: a word was said, or taken out, that is neither yes nor no.
    Column("granted", Boolean),
    Column("basis", Text, nullable=False),
    # By which means they may be reached for the purpose; empty is by all.
    Column("media", ARRAY(Text), nullable=False),
    # Who told us: a channel, a tool, a person's own words for where the consent was given.
    Column("source", Text),
    # The text that was agreed to, or what it is called and which version of it.
    Column("wording", Text),
    Column("evidence", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("delivery_id", UUID),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("expires_at", Instant),
    # Through which leads it came here when these were merged: [[lead, journey], ...], the first one first.
    Column("merged_from", JSONB),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
)

# The value itself is never stored: what is kept is its HMAC with the installation's own key.
suppressions = Table(
    "suppressions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("kind IN ('email', 'phone', 'domain', 'external')", name="kind"),
    CheckConstraint("reason IN ('erased', 'blocked', 'unsubscribed')", name="reason"),
)
