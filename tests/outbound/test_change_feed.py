"""The feed's one promise, with real parallel sessions: nothing ever appears behind a cursor that was handed out."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import create_engine, transaction
from service.outbound.feed import read_feed
from service.outbound.schemas import EventQuery
from service.settings import Settings
from tests.outbound.writing import ROUNDS, WRITERS, WriteEvent, take_an_id, write_much

READERS = 3


class Following:
    """A reader of the feed that remembers what it has seen, in order."""

    def __init__(self, engine: AsyncEngine, limit: int) -> None:
        self.engine = engine
        self.limit = limit
        self.cursor: str | None = None
        self.seen: list[tuple[UUID, UUID, int]] = []

    async def read(self) -> int:
        async with transaction(self.engine) as connection:
            page = await read_feed(connection, EventQuery(after=self.cursor, limit=self.limit))
        self.cursor = page["next_cursor"]
        self.seen += [(event["id"], event["lead_id"], event["sequence"]) for event in page["data"]]
        return len(page["data"])

    async def read_all(self) -> None:
        while await self.read():
            pass


async def test_every_event_is_seen_once_and_in_order_while_many_write(
    settings: Settings, engine: AsyncEngine, counters: list[UUID], write_event: WriteEvent
) -> None:
    assert settings.database_url is not None
    sessions = create_engine(settings.database_url, pool_size=WRITERS + READERS)
    chance = random.Random(20261121)

    async def follow(reader: Following, done: asyncio.Event) -> None:
        while not done.is_set():
            await reader.read()
            await asyncio.sleep(chance.random() * 0.003)
        await reader.read_all()

    readers = [Following(sessions, limit) for limit in (1, 7, 500)]
    done = asyncio.Event()
    following = [asyncio.create_task(follow(reader, done)) for reader in readers]
    written = await write_much(sessions, counters, write_event, chance=chance)
    done.set()
    await asyncio.gather(*following)
    await sessions.dispose()

    assert len(written) > WRITERS * ROUNDS
    for reader in readers:
        ids = [event_id for event_id, _, _ in reader.seen]
        assert len(ids) == len(set(ids)), "an event was seen twice"
        assert set(ids) == written, "an event was missed"
        for lead_id in counters:
            versions = [sequence for _, lead, sequence in reader.seen if lead == lead_id]
            assert versions == list(range(1, len(versions) + 1)), "a lead's events are out of order"


async def test_an_event_waits_for_every_older_transaction(engine: AsyncEngine, write_event: WriteEvent) -> None:
    reader = Following(engine, 50)
    async with engine.connect() as older, engine.connect() as newer:
        await take_an_id(older)
        newest = await write_event(newer)
        await newer.commit()
        assert await reader.read() == 0
        late = await write_event(older)
        await older.commit()
    await reader.read_all()
    assert {event_id for event_id, _, _ in reader.seen} == {newest, late}


async def test_the_last_event_does_not_wait_for_another(engine: AsyncEngine, write_event: WriteEvent) -> None:
    async with transaction(engine) as connection:
        event_id = await write_event(connection)
    reader = Following(engine, 50)
    await reader.read()
    assert [seen for seen, _, _ in reader.seen] == [event_id]


async def test_a_reader_is_no_older_transaction(engine: AsyncEngine, write_event: WriteEvent) -> None:
    async with engine.connect() as idle_reader:
        await idle_reader.execute(text("SELECT count(*) FROM outbox"))
        async with transaction(engine) as connection:
            await write_event(connection)
        assert await Following(engine, 50).read() == 1


async def test_events_of_an_old_transaction_come_after_what_the_lead_did_before(
    engine: AsyncEngine, counters: list[UUID], write_event: WriteEvent
) -> None:
    """The transaction with the older id gets the lead's lock last: its event is the lead's second, in the feed too."""
    lead_id = counters[0]
    async with engine.connect() as older:
        await take_an_id(older)
        async with transaction(engine) as newer:
            await write_event(newer, lead_id=lead_id, sequence=1)
        await write_event(older, lead_id=lead_id, sequence=2)
        await older.commit()
    reader = Following(engine, 50)
    await reader.read_all()
    assert [sequence for _, _, sequence in reader.seen] == [1, 2]
