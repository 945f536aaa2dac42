"""A small world for statistics, in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import transaction
from service.stats.fold import fold
from service.stats.store import folding
from tests.stats.reading import spend_money
from tests.stats.worlds import Person, keep, people


@pytest.fixture
def populate(engine: AsyncEngine) -> Callable[..., Awaitable[list[Person]]]:
    """Make a world and keep it: ``await populate(seed, size)`` → its people, test leads among them."""

    async def make(seed: int, size: int) -> list[Person]:
        world = people(seed, size)
        async with transaction(engine) as connection:
            await keep(connection, world)
        return world

    return make


@pytest.fixture
async def world(populate, engine: AsyncEngine) -> Any:
    """A world whose deltas are half folded, and some of what is folded is not added up."""
    people = await populate(11, 400)
    async with transaction(engine) as connection:
        await fold(connection, 200)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folding, "MANY", 1)
            await fold(connection, 150)
        await connection.execute(text("ANALYZE leads, journeys, transitions"))
    return people


@pytest.fixture
async def reporting(engine: AsyncEngine, world: list[Person]) -> AsyncIterator[AsyncConnection]:
    """A session in a world where money was spent."""
    async with transaction(engine) as connection:
        await spend_money(connection)
    async with transaction(engine) as connection:
        yield connection
