"""All SQL of the intake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.intake.tables import channels, deliveries

# What a delivery has when it arrives; the rest are the table's defaults.
ARRIVAL_COLUMNS: Final = (
    "id",
    "bucket",
    "channel",
    "received_at",
    "method",
    "headers",
    "query",
    "body",
    "status",
)

# Channels


async def insert_channel(connection: AsyncConnection, row: dict[str, Any]) -> dict[str, Any] | None:
    """Insert a channel, or bring a deleted one of the same key back as a new one; None when the key is taken."""
    fresh = insert(channels).values(row)
    statement = fresh.on_conflict_do_update(
        index_elements=["key"],
        set_={column.name: fresh.excluded[column.name] for column in channels.c if column.name != "key"},
        where=channels.c.deleted_at.is_not(None),
    ).returning(channels)
    rows = await fetch(connection, statement)
    return rows[0] if rows else None


async def channel_by_key(connection: AsyncConnection, key: str, *, lock: bool = False) -> dict[str, Any] | None:
    """Return a channel that is not deleted."""
    statement = select(channels).where(channels.c.key == key, channels.c.deleted_at.is_(None))
    rows = await fetch(connection, statement.with_for_update() if lock else statement)
    return rows[0] if rows else None


async def channels_of(connection: AsyncConnection, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the channels of these keys, deleted ones too: what they accepted is still to be processed."""
    return await fetch(connection, select(channels).where(channels.c.key.in_(keys)))


async def list_channels(connection: AsyncConnection, *, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Return channels by key."""
    statement = select(channels).where(channels.c.deleted_at.is_(None)).order_by(channels.c.key).limit(limit)
    return await fetch(connection, statement if after is None else statement.where(channels.c.key > after))


async def update_channel(connection: AsyncConnection, key: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change a channel and return it."""
    rows = await fetch(connection, update(channels).where(channels.c.key == key).values(**values).returning(channels))
    return rows[0]


# Deliveries, for people

_BRIEF: Final = tuple(
    deliveries.c[name]
    for name in (
        "id",
        "channel",
        "received_at",
        "status",
        "attempts",
        "due_at",
        "dedupe_key",
        "reason",
        "detail",
        "outcome",
        "lead_ids",
        "processed_at",
    )
)


async def list_deliveries(
    connection: AsyncConnection, *, filters: Mapping[str, Any], before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Return deliveries, the latest first, without headers and body."""
    statement = _filtered(select(*_BRIEF), filters).order_by(deliveries.c.id.desc()).limit(limit)
    return await fetch(connection, statement if before is None else statement.where(deliveries.c.id < before))


def _filtered(statement: Select[Any], filters: Mapping[str, Any]) -> Select[Any]:
    return statement.where(*_conditions(filters))


def _conditions(filters: Mapping[str, Any]) -> list[Any]:
    conditions: list[Any] = []
    if (channel := filters.get("channel")) is not None:
        conditions.append(deliveries.c.channel == channel)
    if (status := filters.get("status")) is not None:
        conditions.append(deliveries.c.status == status)
    if (reason := filters.get("reason")) is not None:
        conditions.append(deliveries.c.reason == reason)
    if (since := filters.get("since")) is not None:
        conditions.append(deliveries.c.received_at >= since)
    if (until := filters.get("until")) is not None:
        conditions.append(deliveries.c.received_at < until)
    return conditions


async def delivery_by_id(connection: AsyncConnection, delivery_id: UUID) -> dict[str, Any] | None:
    """Return a whole delivery."""
    rows = await fetch(connection, select(deliveries).where(deliveries.c.id == delivery_id))
    return rows[0] if rows else None


# What was emptied, because its person was erased or it was kept long enough, says nothing any more.
_HAS_CONTENT: Final = or_(deliveries.c.body != b"", deliveries.c.query != "", deliveries.c.headers != {})
_AGAIN: Final = {"status": "received", "reason": None, "detail": None, "processed_at": None, "due_at": None}


async def replay_delivery(connection: AsyncConnection, delivery_id: UUID) -> dict[str, Any] | None:
    """Put a delivery back into the queue and return it; None when there is none of this id that has any content."""
    statement = (
        update(deliveries).where(deliveries.c.id == delivery_id, _HAS_CONTENT).values(_AGAIN).returning(deliveries)
    )
    rows = await fetch(connection, statement)
    return rows[0] if rows else None


async def replay_deliveries(connection: AsyncConnection, filters: Mapping[str, Any]) -> int:
    """Put every delivery of a filter back into the queue and return how many."""
    statement = update(deliveries).where(*_conditions(filters), _HAS_CONTENT).values(_AGAIN)
    return (await connection.execute(statement)).rowcount


# The worker

_WORK: Final = tuple(
    deliveries.c[name]
    for name in (
        "id",
        "channel",
        "received_at",
        "method",
        "headers",
        "query",
        "body",
        "dedupe_key",
        "outcome",
        "lead_ids",
    )
)
_CLAIM_KEYS: Final = text("""
    INSERT INTO delivery_keys (channel, dedupe_key, delivery_id, created_at)
    SELECT channel, dedupe_key, delivery_id, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (channel text, dedupe_key text, delivery_id uuid)
    ORDER BY channel, dedupe_key, delivery_id
    ON CONFLICT DO NOTHING
    RETURNING channel, dedupe_key, delivery_id
""")
_KEY_OWNERS: Final = text("""
    SELECT channel, dedupe_key, delivery_id
    FROM delivery_keys JOIN jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (channel text, dedupe_key text)
    USING (channel, dedupe_key)
""")
_RELEASE_KEYS: Final = text("""
    DELETE FROM delivery_keys
    USING jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (channel text, dedupe_key text, delivery_id uuid)
    WHERE delivery_keys.channel = given.channel AND delivery_keys.dedupe_key = given.dedupe_key
        AND delivery_keys.delivery_id = given.delivery_id
""")
_SETTLE: Final = text("""
    UPDATE deliveries SET status = done.status, reason = done.reason, detail = done.detail, outcome = done.outcome,
        lead_ids = done.lead_ids, due_at = done.due_at, dedupe_key = done.dedupe_key,
        processed_at = CASE WHEN done.status <> 'pending_fetch' THEN CAST(:now AS timestamptz) END,
        -- What must be fetched first is tried as often as it was asked for.
        attempts = CASE WHEN done.status = 'pending_fetch' THEN 0 WHEN deliveries.status = 'pending_fetch' THEN attempts
            ELSE attempts + 1 END
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS done (id uuid, status text, reason text, detail text, due_at timestamptz, dedupe_key text, outcome jsonb,
            lead_ids uuid[])
    WHERE deliveries.id = done.id
""")


async def waiting_ids(connection: AsyncConnection, limit: int) -> list[UUID]:
    """Return the deliveries that waited longest."""
    statement = select(deliveries.c.id).where(deliveries.c.status == "received").order_by(deliveries.c.id).limit(limit)
    return [row["id"] for row in await fetch(connection, statement)]


async def claim_waiting(
    connection: AsyncConnection, *, limit: int, only: Sequence[UUID] | None = None
) -> list[dict[str, Any]]:
    """Lock deliveries that wait and that nobody else has in hand, the oldest first."""
    statement = select(*_WORK).where(deliveries.c.status == "received").order_by(deliveries.c.id).limit(limit)
    if only is not None:
        statement = statement.where(deliveries.c.id.in_(only))
    return await fetch(connection, statement.with_for_update(skip_locked=True))


async def claim_keys(
    connection: AsyncConnection, keys: Sequence[Mapping[str, Any]], *, now: datetime
) -> dict[tuple[str, str], UUID]:
    """Claim dedupe keys for their deliveries, in one order everywhere, and return whose each of them is now."""
    rows = dumps(list(keys))
    owners = {
        (row["channel"], row["dedupe_key"]): row["delivery_id"]
        for row in await fetch(connection, _CLAIM_KEYS, rows=rows, now=now)
    }
    if len(owners) < len(keys):
        known = await fetch(connection, _KEY_OWNERS, rows=rows)
        owners |= {(row["channel"], row["dedupe_key"]): row["delivery_id"] for row in known}
    return owners


async def release_keys(connection: AsyncConnection, keys: Sequence[Mapping[str, Any]]) -> None:
    """Give up the keys of deliveries that came to nothing, so that the vendor may send them again."""
    await connection.execute(_RELEASE_KEYS, {"rows": dumps(list(keys))})


async def settle(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    """Write down what became of deliveries."""
    await connection.execute(_SETTLE, {"rows": dumps(list(rows)), "now": now})
