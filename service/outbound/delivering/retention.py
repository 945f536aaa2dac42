"""Retention: tries, messages that were given up and replays that ended are kept for 30 days; what is left of deleted endpoints goes at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import first_id
from service.outbound.endpoints import retention_store as store

KEPT: Final = timedelta(days=30)
_AT_ONCE: Final = 5000


async def forget_attempts(connection: AsyncConnection, *, now: datetime) -> int:
    """Delete what is old, some thousand rows of each endpoint at most, and return how many: whoever calls comes again until it is 0."""
    before = now - KEPT
    forgotten = 0
    for endpoint_id, is_deleted in await store.hold_endpoints(connection):
        rows = await store.delete_attempts(
            connection, endpoint_id, before=first_id(now if is_deleted else before), limit=_AT_ONCE
        )
        rows += await store.delete_messages(
            connection, endpoint_id, before=None if is_deleted else before, limit=_AT_ONCE
        )
        rows += await store.delete_replays(connection, endpoint_id, before=now if is_deleted else before)
        if is_deleted and not rows:
            rows = await store.delete_endpoint(connection, endpoint_id)
        forgotten += rows
    return forgotten
