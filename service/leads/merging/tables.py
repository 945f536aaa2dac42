"""What is remembered of merges: each merge with what undoes it, and the steps of ledgers that could not be woven."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from service.core.tables import Instant, metadata

merges = Table(
    "merges",
    metadata,
    # The survivor.
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("duplicate_id", UUID, nullable=False),
    Column("actor", Text, nullable=False),
    Column("automatic", Boolean, nullable=False),
    # Why somebody or something thought that the two are one person.
    Column("why", JSONB),
    # What an undo needs: the fields that changed, the ledger and the identities as they were. Emptied when it was undone or erased.
    Column("before", JSONB, nullable=False),
    Column("moved", JSONB, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("undone_at", Instant),
    Column("undone_by", Text),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    Index("ix_merges_id", "id"),
    Index("ix_merges_recorded_at", "recorded_at", "id"),
    Index("ix_merges_duplicate_id", "duplicate_id"),
    Index("uq_merges_active", "duplicate_id", "lead_id", unique=True, postgresql_where=text("undone_at IS NULL")),
)

# A step of a merged ledger that is not legal among the others: kept, shown, and woven in when an undo makes it legal.
set_aside = Table(
    "set_aside",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    # The transition that first recorded the step, whoever's ledger that was in.
    Column("source", UUID, primary_key=True),
    # The lead that brought it; null for the survivor's own.
    Column("origin", UUID),
    # The leads it was said of: those that had become one when it was set aside.
    Column("among", ARRAY(UUID), nullable=False),
    Column("merge_id", UUID, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("from_stage", Text),
    Column("to_stage", Text, nullable=False),
    Column("reason", Text),
    Column("category", Text),
    Column("note", Text),
    Column("amount", Numeric(20, 4)),
    Column("currency", Text),
    Column("channel", Text),
    Column("campaign", Text),
    Column("actor", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # Why it is not in the ledger, as a code, and the stage the lead was in then.
    Column("why", Text, nullable=False),
    Column("stage", Text),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    Index("ix_set_aside_merge_id", "merge_id"),
)

rule_sets = Table(
    "rule_sets",
    metadata,
    # One of: merge, matching.
    Column("name", Text, primary_key=True),
    Column("rules", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
