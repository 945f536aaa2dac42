"""Filters with a name."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from service.core.tables import Instant, metadata

segments = Table(
    "segments",
    metadata,
    Column("key", Text, primary_key=True),
    Column("label", Text),
    # Parameter → its values as text, null among them for what has none: {"country": ["DE", null], "attributes.seats_gte": ["10"]}.
    Column("filters", JSONB, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
