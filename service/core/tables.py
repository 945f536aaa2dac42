"""The shared metadata, and the tables that belong to no room: keys, idempotent answers, beating workers."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = DateTime(timezone=True)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_id", UUID, primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("worker_id", UUID, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("beat_at", Instant, nullable=False),
)

# One row. A change feed position is (feed_epoch << 48) + transaction id; transaction ids start anew when a dump is restored
# into another cluster, so the epoch is raised whenever the cluster's own identifier is not the one remembered here.
installation = Table(
    "installation",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("system_identifier", Text, nullable=False),
    Column("feed_epoch", Integer, nullable=False),
    # The key of the HMACs by which suppressed people are known: as its inner and its outer pad, 64 bytes each, for SQL to use.
    Column("pepper", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

__all__ = ["Instant", "api_keys", "heartbeats", "idempotency_keys", "installation", "metadata"]
