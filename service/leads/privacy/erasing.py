"""Erasing somebody by what they are known by, whether they became a lead or are in raw deliveries alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import identity_store
from service.leads.erase import Erased, Eraser, Erasers, erase_lead
from service.leads.identities import Identity
from service.leads.operations import Writer
from service.leads.privacy import suppression_store


async def erase_person(
    connection: AsyncConnection, identity: Identity, writer: Writer, *, erasers: Erasers
) -> dict[str, Any]:
    """Erase the lead that has an identity, with all else it is known by, and whatever else mentions it; the same again does no harm.

    Somebody of whom nothing is held is remembered all the same: by hash, so as not to come in unnoticed.
    """
    emptied = 0

    def counting(eraser: Eraser) -> Eraser:
        async def erase(connection: AsyncConnection, erased: Erased) -> int:
            nonlocal emptied
            count = await eraser(connection, erased)
            emptied += count
            return count

        return erase

    counted = Erasers(tuple(map(counting, erasers.first)), tuple(map(counting, erasers.then)))
    owner = (await identity_store.owners(connection, [identity])).get(identity)
    leads = [await erase_lead(connection, owner, writer, erasers=counted)] if owner else []
    if not leads:
        await suppression_store.add_identities(connection, [identity], actor=writer.actor, now=writer.now)
        await counted.erase(connection, Erased((), [identity]))
    return {"leads": leads, "deliveries": emptied, "erased_at": writer.now}
