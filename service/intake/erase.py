"""What raw deliveries hold of a person, erased with them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.intake import store


async def erase_deliveries(connection: AsyncConnection, lead_id: UUID) -> None:
    """Empty the raw deliveries that led to a lead: body, headers and query go, what became of them stays."""
    await store.empty_deliveries_of(connection, lead_id)
