"""What nurture remembers besides its reactions' own tables: rules with their versions, times to wake up at, how far it has looked."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from service.core.tables import Instant, metadata

# Append-only: what fired under a version can be explained for ever. The highest version of a name holds.
rule_versions = Table(
    "rule_versions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("rules", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# When a lead is to be looked at again: one time for each reaction (kind) and thing it waits for (key).
timers = Table(
    "timers",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("due_at", Instant, nullable=False),
    Index("ix_timers_due_at", "due_at", "lead_id"),
)

# Rules that changed are tried on every lead once, in the order of ids: up to which a reaction has come, with which version.
sweeps = Table(
    "sweeps",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("after", UUID),
)
