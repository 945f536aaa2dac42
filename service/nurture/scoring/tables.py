"""The ledger of points."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, ForeignKeyConstraint, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from service.core.tables import Instant, metadata

# One row for each time that a rule fired. What it is worth at an instant follows from the row alone; it is ended, and never deleted.
score_entries = Table(
    "score_entries",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("rule", Text, nullable=False),
    # Of the rules it fired under.
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("points", Integer, nullable=False),
    # None: it does not decay.
    Column("half_life_days", Float),
    Column("activity_id", UUID),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # From when on it is worth nothing.
    Column("fades_at", Instant),
    Column("ended_at", Instant),
    # 'no_longer_true', 'rule_changed', 'outnumbered', 'activity_gone', 'faded'
    Column("ended_because", Text),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    CheckConstraint("kind IN ('fit', 'engagement')", name="kind"),
    Index("ix_score_entries_live", "lead_id", postgresql_where=text("ended_at IS NULL")),
)
