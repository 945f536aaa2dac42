"""The SQL of deliveries that wait for what must be fetched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_CLAIM: Final = text("""
    WITH due AS (
        SELECT id, channel, due_at FROM deliveries WHERE status = 'pending_fetch' AND due_at <= :now
        ORDER BY due_at LIMIT 1000
    ), ranked AS (
        SELECT id, due_at, row_number() OVER (PARTITION BY channel ORDER BY due_at) AS place FROM due
    ), chosen AS (
        SELECT id FROM ranked WHERE place <= :share ORDER BY due_at LIMIT :limit
    ), locked AS (
        SELECT id FROM deliveries WHERE id IN (SELECT id FROM chosen) AND status = 'pending_fetch' AND due_at <= :now
        FOR UPDATE SKIP LOCKED
    )
    UPDATE deliveries SET due_at = :lease, attempts = attempts + 1 FROM locked WHERE deliveries.id = locked.id
    RETURNING deliveries.id, channel, received_at, method, headers, query, body, dedupe_key, outcome, lead_ids, attempts, due_at
""")
_HOLD: Final = text(
    "SELECT id FROM deliveries WHERE id = :id AND status = 'pending_fetch' AND due_at = :lease FOR UPDATE"
)
_PUT_OFF: Final = text("""
    UPDATE deliveries SET due_at = :due_at, reason = :reason, detail = :detail
    WHERE id = :id AND status = 'pending_fetch' AND due_at = :lease
""")
_HASTEN: Final = text(
    "UPDATE deliveries SET due_at = :now WHERE channel = :channel AND status = 'pending_fetch' AND due_at > :now"
)


async def claim_due(
    connection: AsyncConnection, *, now: datetime, lease: datetime, limit: int, share: int
) -> list[dict[str, Any]]:
    """Take deliveries in hand until ``lease`` whose time has come, at most ``share`` of each channel; each is a try."""
    return await fetch(connection, _CLAIM, now=now, lease=lease, limit=limit, share=share)


async def hold(connection: AsyncConnection, held: Mapping[str, Any]) -> bool:
    """Lock a delivery if it is still in our hand: ``id`` and ``lease``."""
    return bool(await fetch(connection, _HOLD, **held))


async def put_off(
    connection: AsyncConnection, held: Mapping[str, Any], *, due_at: datetime, reason: str, detail: str
) -> None:
    """Let go of a delivery that is still in our hand, until ``due_at``."""
    await connection.execute(_PUT_OFF, {**held, "due_at": due_at, "reason": reason, "detail": detail})


async def hasten(connection: AsyncConnection, channel: str, *, now: datetime) -> None:
    """Let a channel's deliveries be tried at once: somebody has changed how the vendor is asked."""
    await connection.execute(_HASTEN, {"channel": channel, "now": now})
