"""What raw deliveries hold of a person, erased with them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from service.intake import person_store
from service.leads.erase import Erased


async def erase_deliveries(connection: AsyncConnection, erased: Erased) -> None:
    """Empty the raw deliveries that led to somebody's leads: body, headers and query go, what became of them stays."""
    await person_store.empty_deliveries_of(connection, erased.lead_ids)
