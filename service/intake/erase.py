"""What raw deliveries hold of a person, erased with them: also of somebody who never became a lead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core import clock
from service.intake import person_store
from service.intake.directory import Channel
from service.intake.mentions import Wanted
from service.intake.understanding import channels_for, people_in
from service.leads.erase import Erased

# No statement takes long, however many there are.
_PAGE: Final = 20_000


async def erase_deliveries(connection: AsyncConnection, erased: Erased) -> int:
    """Empty the raw deliveries that led to somebody's leads or mention them; body, headers and query go, what became of them stays.

    What still waits would bring them back, and is not processed any more; of what mentions them, what came after ``until`` stays. Returns
    how many were emptied.
    """
    emptied = set(await person_store.empty_deliveries_of(connection, erased.lead_ids)) if erased.lead_ids else set()
    wanted = Wanted(erased.identities)
    if wanted.likes or wanted.digits:
        emptied |= await _empty_mentions(connection, wanted, erased.until or clock.now())
    return len(emptied)


async def erase_deliveries_of(connection: AsyncConnection, erased: Erased) -> int:
    """Empty the raw deliveries that came to somebody's leads until these were locked; nobody is at work on them any more. Returns 0.

    They were counted by `erase_deliveries`, but for those that came since.
    """
    if erased.lead_ids:
        await person_store.empty_deliveries_of(connection, erased.lead_ids)
    return 0


async def _empty_mentions(connection: AsyncConnection, wanted: Wanted, until: datetime) -> set[UUID]:
    found: set[UUID] = set()
    after: UUID | None = None
    while True:
        last = await person_store.end_of_page(connection, after=after, size=_PAGE)
        rows = await person_store.maybe_mentioning(
            connection, wanted.likes, wanted.digits, between=(after, last), until=until
        )
        channels = await channels_for(connection, rows)
        found |= {row["id"] for row in rows if _mentions(row, wanted, channels)}
        if last is None:
            break
        after = last
    if found:
        await person_store.empty(connection, sorted(found), now=clock.now())
    return found


def _mentions(row: Mapping[str, Any], wanted: Wanted, channels: Mapping[str, Channel]) -> bool:
    """Say whether a delivery tells of the person: by their address or number in its text, or by what its channel reads in it."""
    if wanted.are_in((row["body"], row["query"], orjson.dumps(row["headers"]))):
        return True
    channel = channels.get(row["channel"])
    return channel is not None and not wanted.identities.isdisjoint(people_in(row, channel))
