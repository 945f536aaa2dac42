"""Deadlines: what was to be done for a lead until when, by which rule, and what became of it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Double, ForeignKeyConstraint, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from service.core.tables import Instant, metadata

deadlines = Table(
    "deadlines",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("calendar", Text),
    Column("what", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("journey", Integer, nullable=False),
    Column("channel", Text),
    # When it began; the owner at its end, or now.
    Column("score_band", Text, nullable=False),
    Column("owner_at_start", Text),
    Column("owner", Text),
    # When the stage was entered, and from when on the time that is allowed was counted.
    Column("started_at", Instant, nullable=False),
    Column("counted_from", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # When it was announced that it had passed.
    Column("overdue_at", Instant),
    Column("ended_at", Instant),
    Column("ended_how", Text),
    # The working time from the start to the end, by its calendar.
    Column("worked_seconds", Double),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    CheckConstraint("what IN ('first_response', 'leave_stage')", name="what"),
    CheckConstraint("ended_how IN ('met', 'left', 'superseded', 'withdrawn', 'unmeasured')", name="ended_how"),
    CheckConstraint("(ended_at IS NULL) = (ended_how IS NULL)", name="ended"),
    Index("ix_deadlines_running", "due_at", "lead_id", "id", postgresql_where=text("ended_how IS NULL")),
    Index("ix_deadlines_started_at", "started_at", "lead_id", "id"),
)
