"""What is remembered of accounts: who has which part in their decisions, and their tiers. All else is counted from the leads."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from service.core.tables import Instant, metadata

# Append-only but for the end: what was said of somebody's part, each until the next was said. No role: it was taken back.
buying_roles = Table(
    "buying_roles",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("role", Text),
    Column("note", Text),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("ended_at", Instant),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    Index("uq_buying_roles_current", "lead_id", unique=True, postgresql_where=text("ended_at IS NULL")),
)

# What the rules said of each account they have looked at. No tier: none fits.
account_tiers = Table(
    "account_tiers",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("tier", Text),
    # Which version of the rules it was, and what it found.
    Column("version", Integer, nullable=False),
    Column("why", JSONB, nullable=False),
    Column("since", Instant, nullable=False),
    Column("evaluated_at", Instant, nullable=False),
    Index("ix_account_tiers_tier", "tier", "domain", postgresql_where=text("tier IS NOT NULL")),
)

# Accounts that lost somebody of whom no event tells where they were: the erased.
accounts_due = Table("accounts_due", metadata, Column("domain", Text, primary_key=True))

# What people brought who were erased since, while others of their company are known: sums, and nothing of whom.
account_remains = Table(
    "account_remains",
    metadata,
    Column("domain", Text, primary_key=True),
    # An ISO 4217 code, or nothing for deals without an amount.
    Column("currency", Text, primary_key=True),
    Column("deals", Integer, nullable=False),
    Column("amount", Numeric(20, 4), nullable=False),
)
