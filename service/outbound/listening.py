"""Reading the feed with patience: the answer waits for the next event."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.http.unit import connect
from service.outbound import feed
from service.outbound.schemas import EventQuery
from service.outbound.tail import Tail


async def listen(engine: AsyncEngine, tail: Tail, query: EventQuery) -> dict[str, Any]:
    """Return the next page of the feed; if there is nothing on it, and the query says so, wait until there is. No connection waits."""
    if not query.wait:
        async with aclosing(await connect(engine, isolation="AUTOCOMMIT")) as connection:
            return await feed.read_feed(connection, query)
    wanted = feed.wanted_by(query)
    until = asyncio.get_running_loop().time() + query.wait
    place = feed.place_in(query.after, wanted)
    if place is None:
        async with aclosing(await connect(engine, isolation="AUTOCOMMIT")) as connection:
            place = await feed.place_of(connection, query.after, wanted)
    with tail.seat("wait"):
        part = await tail.read(place, wanted, limit=query.limit, until=until)
    return feed.page(part, place, wanted)
