"""What is remembered of custom attributes; their values are in the leads themselves."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from service.core.tables import Instant, metadata

attribute_definitions = Table(
    "attribute_definitions",
    metadata,
    Column("key", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("label", Text),
    # Of a choice only: its values, in the order they are offered.
    Column("choices", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("type IN ('text', 'number', 'date', 'boolean', 'choice')", name="type"),
)
