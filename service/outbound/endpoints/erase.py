"""What receivers answered may tell of a person: it goes when the person is erased."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.outbound.endpoints import retention_store


class Erased(Protocol):
    """Who was erased: the leads they were."""

    @property
    def lead_ids(self) -> Collection[UUID]:
        """Return the ids of the leads they were."""


async def erase_answers(connection: AsyncConnection, erased: Erased) -> int:
    """Empty the answers to everything that was sent about somebody; what was tried, and when, stays. Returns how many were emptied."""
    return await retention_store.empty_answers(connection, erased.lead_ids) if erased.lead_ids else 0
