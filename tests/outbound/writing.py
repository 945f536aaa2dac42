"""Sessions that write events as the service does, at the same time and in every order there may be."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import transaction
from service.core.ids import new_id

WriteEvent = Callable[..., Awaitable[UUID]]

WRITERS = 24
ROUNDS = 25
LEADS = 6
_BUMP = text("UPDATE counters SET version = version + 1 WHERE lead_id = :lead RETURNING version")


async def take_an_id(connection: AsyncConnection) -> None:
    """Give the transaction its id early, as claiming identities or deliveries does, long before it has a lead's lock."""
    await connection.execute(text("SELECT pg_current_xact_id()"))


@pytest.fixture
async def counters(engine: AsyncEngine) -> list[UUID]:
    """Leads in the one respect that matters here: a row that is locked, with a version that counts up."""
    leads = [new_id() for _ in range(LEADS)]
    async with transaction(engine) as connection:
        await connection.execute(
            text("CREATE TABLE counters (lead_id uuid PRIMARY KEY, version int NOT NULL DEFAULT 0)")
        )
        await connection.execute(text("INSERT INTO counters SELECT unnest(CAST(:leads AS uuid[]))"), {"leads": leads})
    return leads


async def write_much(
    sessions: AsyncEngine, counters: list[UUID], write_event: WriteEvent, *, chance: random.Random
) -> set[UUID]:
    """Let 24 sessions write to the same few leads at once, some of them in vain; return the events that were committed."""
    written: set[UUID] = set()

    async def write() -> None:
        for _ in range(ROUNDS):
            async with sessions.connect() as connection:
                outer = await connection.begin()
                if chance.random() < 0.7:
                    await take_an_id(connection)
                await asyncio.sleep(chance.random() * 0.02)
                events = set()
                # Locked in one order, as all writers do.
                for lead_id in sorted(chance.sample(counters, chance.choice([1, 1, 2, 3]))):
                    version = (await connection.execute(_BUMP, {"lead": lead_id})).scalar_one()
                    events.add(await write_event(connection, lead_id=lead_id, sequence=version))
                    await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
                if chance.random() < 0.1:
                    await outer.rollback()
                else:
                    await outer.commit()
                    written.update(events)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return written
