"""What is remembered of who may be the same: the keys leads are found by, and the pairs with what became of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from service.core.tables import Instant, metadata

match_keys = Table(
    "match_keys",
    metadata,
    Column("lead_id", UUID, primary_key=True),
    # 64 bits of a hash of what leads may have in common: service/cleaning/matching/keys.py.
    Column("key", BigInteger, primary_key=True),
    Index("ix_match_keys_key", "key", "lead_id"),
)

duplicates = Table(
    "duplicates",
    metadata,
    # The two leads, the lower id first.
    Column("lead_id", UUID, primary_key=True),
    Column("other_id", UUID, primary_key=True),
    Column("id", UUID, nullable=False),
    Column("status", Text, nullable=False),
    # similar: by comparison; bridged: one submission had identities of both; review: a channel's policy asked for a person's eye.
    Column("found_by", Text, nullable=False),
    # The probability that they are one, in ten-thousandths.
    Column("score", SmallInteger, nullable=False),
    # Fields compared, how alike and of what weight; never what they say, which is read from the leads when it is shown.
    Column("why", JSONB, nullable=False),
    # The merged lead this was said of, if it was carried over to the survivor.
    Column("carried_from", UUID),
    Column("found_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", Text),
    Column("merge_id", UUID),
    CheckConstraint("status IN ('open', 'pending', 'dismissed', 'merged')", name="status"),
    CheckConstraint("found_by IN ('similar', 'bridged', 'review')", name="found_by"),
    CheckConstraint("lead_id < other_id", name="order"),
    Index("ix_duplicates_status", "status", "score", "id"),
    Index("ix_duplicates_other_id", "other_id"),
    Index("ix_duplicates_id", "id"),
)
