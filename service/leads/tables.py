"""What the service remembers of a lead: its row (a projection), its identities and its append-only ledger.

Every table carries ``lead_id`` in its primary key, so that all of a lead's rows can live on one shard; ``identities`` alone is keyed by
the value itself, because it is what finds the lead.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from service.core.tables import Instant, metadata

_STAGES = "('acquired', 'cleaned', 'nurtured', 'opportunity', 'won', 'churned', 'reactivated')"

leads = Table(
    "leads",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("furthest_stage", Text, nullable=False),
    Column("stage_entered_at", Instant, nullable=False),
    Column("journey", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("email", Text),
    Column("phone", Text),
    Column("full_name", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("job_title", Text),
    Column("company_name", Text),
    Column("company_domain", Text),
    Column("industry", Text),
    Column("company_size", Text),
    Column("country", Text),
    Column("region", Text),
    Column("channel", Text),
    Column("campaign", Text),
    Column("utm", JSONB, nullable=False),
    Column("external_ids", JSONB, nullable=False),
    Column("consent", JSONB, nullable=False),
    Column("referred_by", Text),
    Column("score", Integer, nullable=False),
    Column("owner", Text),
    Column("amount", Numeric(20, 4)),
    Column("currency", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("verdict_reasons", ARRAY(Text), nullable=False),
    # What was given for each field that cleaning put right or could not use.
    Column("raw", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("test", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("acquired_at", Instant, nullable=False),
    Column("last_activity_at", Instant),
    # The earliest of the deadlines that are open.
    Column("due_at", Instant),
    Column("erased_at", Instant),
    Column("merged_into", UUID),
    # Why they are not to be contacted, whatever they agreed to: {"person" | "email" | "phone": reason}. NULL is no reason.
    Column("suppressed", JSONB),
    CheckConstraint(f"stage IN {_STAGES}", name="stage"),
    CheckConstraint(f"furthest_stage IN {_STAGES}", name="furthest_stage"),
    CheckConstraint("verdict IN ('valid', 'suspect', 'invalid')", name="verdict"),
    Index("ix_leads_stage", "stage", "stage_entered_at", "id"),
    Index("ix_leads_channel", "channel", "acquired_at", "id"),
    Index("ix_leads_acquired_at", "acquired_at", "id"),
    Index("ix_leads_score", "score", "id"),
    Index("ix_leads_owner", "owner", "id", postgresql_where=text("owner IS NOT NULL")),
    Index("ix_leads_due_at", "due_at", "id", postgresql_where=text("due_at IS NOT NULL")),
    # Who may have the next lead of the pool is asked often, and most opportunities have an owner.
    Index(
        "ix_leads_pool",
        "stage_entered_at",
        "id",
        postgresql_where=text("owner IS NULL AND stage = 'opportunity' AND merged_into IS NULL AND erased_at IS NULL"),
    ),
    Index("ix_leads_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    # The people of an account.
    Index(
        "ix_leads_company_domain",
        "company_domain",
        "id",
        postgresql_where=text("company_domain IS NOT NULL AND merged_into IS NULL"),
    ),
    # What `q` searches: the words of name, e-mail and company, prefixes included; names in Chinese stay one word, as the simple configuration has it.
    Index(
        "ix_leads_words",
        text(
            "to_tsvector('simple'::regconfig, coalesce(full_name, '') || ' ' || coalesce(email, '') || ' ' "
            "|| coalesce(company_name, ''))"
        ),
        postgresql_using="gin",
    ),
    Index("ix_leads_tags", "tags", postgresql_using="gin", postgresql_where=text("tags <> '{}'")),
    Index(
        "ix_leads_attributes",
        "attributes",
        postgresql_using="gin",
        postgresql_ops={"attributes": "jsonb_path_ops"},
        postgresql_where=text("attributes <> '{}'::jsonb"),
    ),
)

identities = Table(
    "identities",
    metadata,
    # One of: email, phone, external and a colon and the name of the system.
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("lead_id", UUID, nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    # Of an external id: when the version of the submission was made that the lead has. An older one that comes late revises nothing.
    Column("said_at", Instant),
)

transitions = Table(
    "transitions",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("journey", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("from_stage", Text),
    Column("to_stage", Text, nullable=False),
    Column("skipped", ARRAY(Text), nullable=False),
    Column("reason", Text),
    Column("category", Text),
    Column("note", Text),
    Column("amount", Numeric(20, 4)),
    Column("currency", Text),
    # Only on rows that start a journey: what its touchpoint said.
    Column("channel", Text),
    Column("campaign", Text),
    Column("actor", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("correction_id", UUID),
    Column("superseded_at", Instant),
    Column("superseded_by", UUID),
    # When the stage that it leaves was entered.
    Column("previous_at", Instant),
    # Of a step that a merge brought or wrote anew: the lead it came from (null: its own), and the row that first recorded it.
    Column("origin", UUID),
    Column("source", UUID),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    CheckConstraint(f"to_stage IN {_STAGES}", name="to_stage"),
    Index("uq_transitions_current", "lead_id", "sequence", unique=True, postgresql_where=text("superseded_at IS NULL")),
    Index("ix_transitions_occurred_at", "occurred_at"),
    # The moves that milestones of a journey do not tell of: back a stage, and on to the next journey.
    Index(
        "ix_transitions_turns",
        "lead_id",
        "journey",
        postgresql_where=text("superseded_at IS NULL AND event IN ('recycle', 'reactivate', 'repurchase')"),
    ),
)

corrections = Table(
    "corrections",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("from_sequence", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
)

journeys = Table(
    "journeys",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("entry_stage", Text, nullable=False),
    Column("channel", Text),
    Column("campaign", Text),
    Column("started_at", Instant, nullable=False),
    Column("stage", Text, nullable=False),
    Column("stage_entered_at", Instant, nullable=False),
    # The furthest funnel stage, the outcome and the entered stages in one number: service/stats/definitions.py.
    Column("cell", SmallInteger, nullable=False),
    Column("furthest_stage", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("cleaned_at", Instant),
    Column("nurtured_at", Instant),
    Column("opportunity_at", Instant),
    Column("won_at", Instant),
    Column("churned_at", Instant),
    Column("reason", Text),
    Column("amount", Numeric(20, 4)),
    Column("currency", Text),
    # False for test leads: remembered, never counted.
    Column("counted", Boolean, nullable=False),
    # The lead's dimensions when the journey began; what it had nothing of is left out.
    Column("entered_as", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    CheckConstraint("outcome IN ('open', 'disqualified', 'lost', 'lapsed', 'customer')", name="outcome"),
    Index("ix_journeys_started_at", "started_at", "lead_id", "number"),
    Index("ix_journeys_channel", "channel", "started_at"),
    # Whom questions that read only the ledger leave out.
    Index("ix_journeys_uncounted", "lead_id", postgresql_where=text("NOT counted")),
)

touchpoints = Table(
    "touchpoints",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("journey", Integer, nullable=False),
    Column("channel", Text),
    Column("campaign", Text),
    Column("utm", JSONB, nullable=False),
    # 'api', 'webhook', 'transition'. (Journey 0: only a start told of it that was corrected since.)
    Column("via", Text, nullable=False),
    Column("matched_by", ARRAY(Text), nullable=False),
    Column("delivery_id", UUID),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # Through which leads it came here when these were merged: [[lead, journey], ...], the first one first.
    Column("merged_from", JSONB),
    # The transition, as first recorded, that began its journey: known once the ledger was woven.
    Column("began_with", UUID),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
)

activities = Table(
    "activities",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("journey", Integer, nullable=False),
    # The word of whoever told us: "email.opened", "calendly.booked"
    Column("kind", Text, nullable=False),
    Column("channel", Text),
    Column("data", JSONB, nullable=False),
    Column("delivery_id", UUID),
    Column("actor", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("merged_from", JSONB),
    Column("began_with", UUID),
    # The teller's own id of it. Leads that were merged may have two of one: it is looked for while the lead is locked.
    Column("key", Text),
    # How content the lead was, on a scale from the worst to the best.
    Column("rating", Numeric(12, 4)),
    Column("rating_worst", Numeric(12, 4)),
    Column("rating_best", Numeric(12, 4)),
    ForeignKeyConstraint(["lead_id"], ["leads.id"]),
    CheckConstraint("rating BETWEEN rating_worst AND rating_best", name="rating"),
    Index("ix_activities_occurred_at", "lead_id", "occurred_at"),
    Index("ix_activities_key", "lead_id", "key", postgresql_where=text("key IS NOT NULL")),
    Index("ix_activities_rating", "occurred_at", postgresql_where=text("rating IS NOT NULL")),
)

reasons = Table(
    "reasons",
    metadata,
    Column("code", Text, primary_key=True),
    Column("category", Text, nullable=False),
    Column("label", Text),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("category IN ('disqualified', 'lost', 'lapsed', 'customer')", name="category"),
)
