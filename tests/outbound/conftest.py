from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import dumps, transaction
from service.core.ids import new_id
from service.outbound.events import event_row
from service.outbound.store import POSITION
from service.outbound.tables import outbox
from tests.outbound.receivers import receive, sender
from tests.outbound.serving import serve
from tests.outbound.writing import counters

__all__ = ["counters", "publish", "receive", "sender", "serve", "write_event"]

Publish = Callable[..., Awaitable[UUID]]

_COLUMNS = ", ".join(column.name for column in outbox.columns if column.name != "position")
_INSERT = text(
    f"INSERT INTO outbox ({_COLUMNS}, position) SELECT {_COLUMNS}, {POSITION} "
    "FROM json_populate_recordset(NULL::outbox, CAST(:rows AS json))"
)


WriteEvent = Callable[..., Awaitable[UUID]]


async def _write_event(connection: AsyncConnection, **fields: Any) -> UUID:
    """Write one event as the book writes it, in the caller's transaction."""
    now = datetime.now(UTC)
    given = {
        "lead_id": new_id(), "type": "lead.created", "sequence": 1, "data": {}, "occurred_at": now, "recorded_at": now,
    }  # fmt: skip
    row = event_row(**{**given, **fields})
    await connection.execute(_INSERT, {"rows": dumps([row])})
    event_id: UUID = row["id"]
    return event_id


@pytest.fixture
def write_event() -> WriteEvent:
    """Write an event in the caller's transaction: ``await write_event(connection, type="lead.updated")`` → its id."""
    return _write_event


@pytest.fixture
def publish(engine: AsyncEngine) -> Publish:
    """Write an event in a transaction of its own: ``await publish(type="lead.updated")`` → its id."""

    async def publish(**fields: Any) -> UUID:
        async with transaction(engine) as connection:
            return await _write_event(connection, **fields)

    return publish
