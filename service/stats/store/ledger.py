"""What statistics read of the leads' own tables; the room of leads lies above this one, so it is named here and not imported."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Integer, Numeric, SmallInteger, Text, column, table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from service.core.tables import Instant

leads: Final = table(
    "leads",
    column("id", UUID),
    column("stage", Text),
    column("industry", Text),
    column("company_size", Text),
    column("country", Text),
    column("region", Text),
    column("owner", Text),
    column("score", Integer),
    column("tags", ARRAY(Text)),
    column("attributes", JSONB),
    column("test", Boolean),
    column("erased_at", Instant),
    column("merged_into", UUID),
)

journeys: Final = table(
    "journeys",
    column("lead_id", UUID),
    column("number", Integer),
    column("entry_stage", Text),
    column("channel", Text),
    column("campaign", Text),
    column("started_at", Instant),
    column("stage", Text),
    column("stage_entered_at", Instant),
    column("amount", Numeric),
    column("currency", Text),
    column("cell", SmallInteger),
    column("outcome", Text),
    column("cleaned_at", Instant),
    column("nurtured_at", Instant),
    column("opportunity_at", Instant),
    column("won_at", Instant),
    column("churned_at", Instant),
    column("counted", Boolean),
    column("entered_as", JSONB),
)

attribute_definitions: Final = table(
    "attribute_definitions",
    column("key", Text),
    column("type", Text),
    column("choices", ARRAY(Text)),
)

transitions: Final = table(
    "transitions",
    column("lead_id", UUID),
    column("id", UUID),
    column("sequence", Integer),
    column("journey", Integer),
    column("event", Text),
    column("from_stage", Text),
    column("to_stage", Text),
    column("category", Text),
    column("channel", Text),
    column("campaign", Text),
    column("amount", Numeric),
    column("currency", Text),
    column("occurred_at", Instant),
    column("previous_at", Instant),
    column("recorded_at", Instant),
    column("superseded_at", Instant),
)

touchpoints: Final = table(
    "touchpoints",
    column("lead_id", UUID),
    column("id", UUID),
    column("journey", Integer),
    column("channel", Text),
    column("campaign", Text),
    column("occurred_at", Instant),
)
