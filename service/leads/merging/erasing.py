"""Erasing a person who was once merged into another lead: what that one tells of them from the time when the two were one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads.erase_store import forget_answers
from service.leads.merging import store
from service.outbound.store import redact_events


async def forget_when_merged(
    connection: AsyncConnection, erased: Collection[UUID], *, redacted: Mapping[str, Any], company: Mapping[str, Any]
) -> None:
    """Clean the events, notes and kept answers of leads that others, who are being erased, were merged into until it was undone."""
    await store.forget_notes(connection, erased)
    for once in await store.once_merged(connection, erased):
        between = (once["first"], once["last"])
        await redact_events(connection, once["lead_id"], redacted=redacted, company=company, between=between)
        await forget_answers(connection, [once["lead_id"]])
