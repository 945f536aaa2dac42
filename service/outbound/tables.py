"""The outbox: every change of a lead as an event, written in the transaction of the change."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSON, UUID

from service.core.tables import Instant, metadata

outbox = Table(
    "outbox",
    metadata,
    # The nil UUID for events that belong to no lead.
    Column("lead_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("bucket", SmallInteger, nullable=False),
    # Where the event stands in the change feed, so that nothing appears behind a cursor: store.POSITION.
    Column("position", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    # The lead's version after this event: 1, 2, 3 … without gaps.
    Column("sequence", Integer, nullable=False),
    Column("transition_id", UUID),
    # Not JSONB, which takes twice as long to write: a new lead has two. Who asks for a part of it (followers, reverts, replays, erasing) has
    # it parsed each time.
    Column("data", JSON, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # The trace of the request that caused it, to be passed on with the webhooks that tell of it.
    Column("traceparent", Text),
    Index("ix_outbox_position", "position", "sequence", "id"),
    Index("ix_outbox_id", "id"),
)

# How far our own tasks that follow the feed have come.
feed_cursors = Table(
    "feed_cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
