"""What merges and undone merges mean for pairs: one that became one is settled, one that was taken apart again is not brought up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import new_id
from service.leads.duplicates import store


async def heed(connection: AsyncConnection, events: Iterable[Mapping[str, Any]], *, now: datetime) -> None:
    """Follow what the events tell of merges, in their order; each is told on both leads and counts once."""
    for event in events:
        if event["type"] not in {"lead.merged", "lead.unmerged"}:
            continue
        told = event["data"]
        survivor, merged = UUID(told["survivor_id"]), UUID(told["duplicate_id"])
        if event["lead_id"] != survivor:
            continue
        merge_id = UUID(told["merge_id"])
        if event["type"] == "lead.merged":
            await store.note_merge(
                connection, survivor, merged, status="merged", pair_id=new_id(), merge_id=merge_id, now=now
            )
            await store.carry_over(connection, merged=merged, survivor=survivor)
        else:
            # Whoever took the two apart said that they are not one.
            await store.note_merge(
                connection, survivor, merged, status="dismissed", pair_id=new_id(), merge_id=merge_id, now=now
            )
            await store.carry_back(connection, merged=merged, survivor=survivor)
