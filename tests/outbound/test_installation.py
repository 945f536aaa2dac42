from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import fetch, transaction
from service.outbound.feed import read_feed
from service.outbound.installation import ensure_installation
from service.outbound.schemas import EventQuery

Publish = WriteEvent = Callable[..., Awaitable[UUID]]


async def _epoch(engine: AsyncEngine) -> int:
    async with transaction(engine) as connection:
        (row,) = await fetch(connection, text("SELECT feed_epoch FROM installation"))
    epoch: int = row["feed_epoch"]
    return epoch


async def _move_to_another_cluster(engine: AsyncEngine) -> None:
    """Do what a restored dump looks like: the row came along, the cluster it names did not."""
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE installation SET system_identifier = '42/1'"))


async def _ensure(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await ensure_installation(connection)


async def test_starting_again_changes_nothing(engine: AsyncEngine) -> None:
    await _ensure(engine)
    await _ensure(engine)
    assert await _epoch(engine) == 1


async def test_another_cluster_raises_the_epoch_once(engine: AsyncEngine) -> None:
    await _move_to_another_cluster(engine)
    await asyncio.gather(*(_ensure(engine) for _ in range(5)))
    assert await _epoch(engine) == 2


async def test_many_processes_start_on_an_empty_database_together(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text("DELETE FROM installation"))
    await asyncio.gather(*(_ensure(engine) for _ in range(5)))
    assert await _epoch(engine) == 1


async def test_a_restored_database_goes_on_after_the_old_cursors(engine: AsyncEngine, publish: Publish) -> None:
    """The new cluster counts transactions from the start; yet what it writes comes after all that was read before."""
    before = await publish()
    async with transaction(engine) as connection:
        # The old cluster was far ahead.
        await connection.execute(text("UPDATE outbox SET position = (1::bigint << 48) + 900000000"))
    await _move_to_another_cluster(engine)
    await _ensure(engine)
    async with transaction(engine) as connection:
        first = await read_feed(connection, EventQuery())
    assert [event["id"] for event in first["data"]] == [before]
    after = await publish()
    async with transaction(engine) as connection:
        second = await read_feed(connection, EventQuery(after=first["next_cursor"]))
    assert [event["id"] for event in second["data"]] == [after]


async def test_raising_the_epoch_waits_for_those_who_still_write_under_the_old_one(
    engine: AsyncEngine, write_event: WriteEvent
) -> None:
    await _move_to_another_cluster(engine)
    async with engine.connect() as writer:
        await write_event(writer)
        raising = asyncio.create_task(_ensure(engine))
        await asyncio.sleep(0.2)
        assert not raising.done()
        await writer.commit()
    await raising
    assert await _epoch(engine) == 2
