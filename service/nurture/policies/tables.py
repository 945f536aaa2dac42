"""What policies did, and which leads they must not move any more."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from service.core.tables import Instant, metadata

# Append-only. Says nothing of a person: keys, codes, numbers, ids and names of fields.
policy_firings = Table(
    "policy_firings",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("policy", Text, nullable=False),
    # The version of the policies it fired under.
    Column("version", Integer, nullable=False),
    Column("trigger", Text, nullable=False),
    # What the policy looked at, and what it found.
    Column("why", JSONB, nullable=False),
    # The weightiest of its actions; refused and parked: nothing was done.
    Column("outcome", Text, nullable=False),
    Column("actions", ARRAY(Text), nullable=False),
    # Where the lead stood: a policy fires once while it stays there.
    Column("stage", Text, nullable=False),
    Column("journey", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("transition_id", UUID),
    Column("fired_at", Instant, nullable=False),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    CheckConstraint(
        "outcome IN ('moved', 'assigned', 'tagged', 'announced', 'refused', 'parked')",
        name="outcome",
    ),
    Index("ix_policy_firings_lead", "lead_id", "policy", "fired_at"),
    Index("ix_policy_firings_fired_at", "fired_at", "id"),
    Index("ix_policy_firings_policy", "policy", "fired_at", "id"),
)

# Leads that policies moved too often. A person lets them go on; until then no policy moves them.
parked_leads = Table(
    "parked_leads",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("policy", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("moves", Integer, nullable=False),
    Column("parked_at", Instant, nullable=False),
    Column("unparked_at", Instant),
    Column("unparked_by", Text),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    CheckConstraint("reason IN ('loop', 'too_many_moves')", name="reason"),
    Index("uq_parked_leads_open", "lead_id", unique=True, postgresql_where=text("unparked_at IS NULL")),
    Index("ix_parked_leads_parked_at", "parked_at", "id", postgresql_where=text("unparked_at IS NULL")),
)
