"""Retention: how long what came in is kept as it came, by channel.

A delivery's content (body, headers, query) is for replays and for proof, and goes when the channel's ``retention_days`` are over, whoever it
is about. That it came, when, and what became of it stays for `RECORDS`, for figures and silences. Its key stays: for vendors that sign
no time, nothing else tells a repetition. What still waits is never touched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import first_id
from service.intake import retention_store as store

RECORDS: Final = timedelta(days=400)
_AT_ONCE: Final = 1000


async def forget_content(connection: AsyncConnection, *, now: datetime, days: int) -> int:
    """Empty deliveries that are older than their channel keeps them, or than ``days``, and delete records; returns how many.

    A thousand of each channel at most: whoever calls comes again until it is 0.
    """
    return sum([await _forget_of(connection, row, now, row["days"] or days) for row in await store.hold(connection)])


async def _forget_of(connection: AsyncConnection, channel: store.Held, now: datetime, days: int) -> int:
    kept = timedelta(days=days)
    before = first_id(now - kept)
    forgotten = 0
    if channel["emptied_to"] is None or channel["emptied_to"] < before:
        old = await store.read_old(
            connection, channel["key"], after=channel["emptied_to"], before=before, limit=_AT_ONCE
        )
        # What waits may wait for longer than it may be kept: there the emptying waits, too.
        waiting = next((number for number, row in enumerate(old) if row["waits"]), len(old))
        done = [row["id"] for row in old[:waiting]]
        forgotten = await store.empty(connection, done) if done else 0
        reached = before if len(old) < _AT_ONCE and waiting == len(old) else done[-1] if done else None
        if reached is not None:
            await store.remember(connection, channel["key"], reached)
    return forgotten + await store.delete(
        connection, channel["key"], before=first_id(now - max(kept, RECORDS)), limit=_AT_ONCE
    )
