"""All SQL of the core: keys, answers kept for `Idempotency-Key`, and what readiness asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, insert, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.core.tables import api_keys, heartbeats, idempotency_keys

# Keys


async def insert_key(connection: AsyncConnection, row: dict[str, Any]) -> None:
    await connection.execute(insert(api_keys).values(row))


async def key_by_prefix(connection: AsyncConnection, prefix: str) -> dict[str, Any] | None:
    rows = await fetch(connection, select(api_keys).where(api_keys.c.prefix == prefix))
    return rows[0] if rows else None


async def list_keys(connection: AsyncConnection) -> list[dict[str, Any]]:
    return await fetch(connection, select(api_keys).order_by(api_keys.c.id))


async def any_key(connection: AsyncConnection) -> bool:
    return bool(await fetch(connection, select(api_keys.c.id).limit(1)))


async def revoke_key(connection: AsyncConnection, key_id: UUID, now: datetime) -> bool:
    """Revoke a key that is not revoked yet; False when there is none of this id."""
    statement = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    return bool((await connection.execute(statement)).rowcount)


async def touch_key(connection: AsyncConnection, key_id: UUID, now: datetime) -> None:
    await connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now))


# Answers kept for Idempotency-Key

_CLAIM: Final = text(
    "SELECT pg_try_advisory_xact_lock(:lock) AS claimed, k.fingerprint, k.status, k.headers, k.body"
    " FROM (VALUES (1)) AS one(row) LEFT JOIN idempotency_keys AS k"
    " ON k.key_id = :key_id AND k.idempotency_key = :idempotency_key AND k.created_at >= :since"
).columns(headers=JSONB)

_KEEP: Final = text(
    "INSERT INTO idempotency_keys AS k (key_id, idempotency_key, fingerprint, status, headers, body, created_at)"
    " VALUES (:key_id, :idempotency_key, :fingerprint, :status, CAST(:headers AS jsonb), :body, :created_at)"
    " ON CONFLICT (key_id, idempotency_key) DO UPDATE SET fingerprint = excluded.fingerprint,"
    " status = excluded.status, headers = excluded.headers, body = excluded.body, created_at = excluded.created_at"
    " WHERE k.created_at < :since RETURNING 1"
)


async def claim_answer(
    connection: AsyncConnection, *, lock: int, key_id: UUID, idempotency_key: str, since: datetime
) -> dict[str, Any]:
    """Return whether this transaction now owns the key (``claimed``), and the answer kept for it since then, if any."""
    rows = await fetch(connection, _CLAIM, lock=lock, key_id=key_id, idempotency_key=idempotency_key, since=since)
    return rows[0]


async def keep_answer(connection: AsyncConnection, **row: Any) -> bool:
    """Keep an answer; False when another one is kept for the key already (and is not older than ``since``)."""
    return (await connection.execute(_KEEP, row)).first() is not None


async def forget_answers(connection: AsyncConnection, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` answers kept before an instant and return how many."""
    key = (idempotency_keys.c.key_id, idempotency_keys.c.idempotency_key)
    oldest = select(*key).where(idempotency_keys.c.created_at < before).limit(limit).with_for_update(skip_locked=True)
    return (await connection.execute(delete(idempotency_keys).where(tuple_(*key).in_(oldest)))).rowcount


# Readiness

_READINESS: Final = text(
    "SELECT (SELECT version_num FROM alembic_version) AS revision, (SELECT max(beat_at) FROM heartbeats) AS beat_at"
)


async def readiness(connection: AsyncConnection) -> dict[str, Any]:
    """Return the schema's ``revision`` and when a worker last beat (``beat_at``); raises when there is no schema."""
    return (await fetch(connection, _READINESS))[0]


# Workers

_BEAT: Final = text(
    "INSERT INTO heartbeats (worker_id, started_at, beat_at) VALUES (:worker_id, :started_at, :now)"
    " ON CONFLICT (worker_id) DO UPDATE SET beat_at = excluded.beat_at"
)


async def beat(connection: AsyncConnection, *, worker_id: UUID, started_at: datetime, now: datetime) -> None:
    """Say that a worker is alive, and forget those that have been silent for a day."""
    await connection.execute(_BEAT, {"worker_id": worker_id, "started_at": started_at, "now": now})
    await connection.execute(delete(heartbeats).where(heartbeats.c.beat_at < now - timedelta(days=1)))


async def forget_beat(connection: AsyncConnection, worker_id: UUID) -> None:
    """Forget a worker that has stopped."""
    await connection.execute(delete(heartbeats).where(heartbeats.c.worker_id == worker_id))


_BE_PATIENT = text("SET LOCAL idle_in_transaction_session_timeout = 0")


async def be_patient(connection: AsyncConnection) -> None:
    """Let the transaction wait for what it waits for outside the database, as long as that takes."""
    await connection.execute(_BE_PATIENT)
