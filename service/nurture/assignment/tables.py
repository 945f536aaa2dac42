"""Who had which lead, from when until when, and where everybody stands in their team's turns."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from service.core.tables import Instant, metadata

OPEN = "status IN ('offered', 'accepted')"

assignments = Table(
    "assignments",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    # Whose it is, by the name that the lead's owner has; the team whose turns gave it, if any did.
    Column("owner", Text, nullable=False),
    Column("team", Text),
    # The rule that chose, in which version of the rules; or the policy; or nothing, where people did.
    Column("rule", Text),
    Column("version", Integer),
    # round_robin, weighted, least_loaded, owner, sticky, claimed, by_hand, recorded: how the owner was found.
    Column("method", Text, nullable=False),
    # Codes, figures, owners' names: nothing of the lead's person.
    Column("why", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    # How it ended: a code, such as that of the recycling. The note is what people wrote.
    Column("reason", Text),
    Column("note", Text),
    # The version the lead had when it was assigned: what the feed tells of later ones came after it.
    Column("sequence", Integer, nullable=False),
    Column("journey", Integer, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("offered_at", Instant, nullable=False),
    Column("accept_by", Instant),
    # When it was taken; when it was taken or refused; when it was over.
    Column("accepted_at", Instant),
    Column("decided_at", Instant),
    Column("ended_at", Instant),
    Column("actor", Text, nullable=False),
    Column("ended_by", Text),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    CheckConstraint("status IN ('offered', 'accepted', 'rejected', 'reclaimed', 'released', 'ended')", name="status"),
    CheckConstraint(f"(ended_at IS NULL) = ({OPEN})", name="ended_at"),
    Index("uq_assignments_open", "lead_id", unique=True, postgresql_where=text(OPEN)),
    Index("ix_assignments_load", "owner", postgresql_where=text(OPEN)),
    Index("ix_assignments_declined", "owner", "lead_id", postgresql_where=text("status IN ('rejected', 'reclaimed')")),
    Index("ix_assignments_offered_at", "offered_at", "id"),
    Index("ix_assignments_owner", "owner", "offered_at", "id"),
)

# What everybody has earned of the leads that their team got, and not got yet: picking.py.
turns = Table(
    "turns",
    metadata,
    Column("team", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("credit", BigInteger, nullable=False),
    Column("head_start", BigInteger, nullable=False),
    Column("present", Boolean, nullable=False),
    Column("given", BigInteger, nullable=False),
    Column("last_at", Instant),
)
