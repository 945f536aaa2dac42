"""What was spent."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, Index, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from service.core.tables import Instant, metadata

spend = Table(
    "spend",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("channel", Text),
    Column("campaign", Text),
    Column("period_start", Date, nullable=False),
    # The last day of the period.
    Column("period_end", Date, nullable=False),
    Column("amount", Numeric(20, 4), nullable=False),
    Column("budget", Numeric(20, 4)),
    Column("currency", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("period_start <= period_end", name="period"),
    Index(
        "uq_spend",
        "channel",
        "campaign",
        "period_start",
        "period_end",
        "currency",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    Index("ix_spend_period", "period_start", "period_end"),
)
