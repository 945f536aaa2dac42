"""How commands reach the database: the one that was named, or the embedded one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import create_engine, transaction
from service.core.embedded import embedded_postgres
from service.settings import Settings

T = TypeVar("T")


@contextmanager
def database_address(settings: Settings) -> Iterator[str]:
    """Yield the database's address; the embedded server runs at least as long as the block does."""
    if settings.database_url is not None:
        yield settings.database_url
    else:
        with embedded_postgres(settings.data_dir) as url:
            yield url


def in_transaction(settings: Settings, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run ``work`` in one transaction and return its result."""

    async def run(url: str) -> T:
        engine = create_engine(url, pool_size=1, statement_seconds=None)
        try:
            async with transaction(engine) as connection:
                return await work(connection)
        finally:
            await engine.dispose()

    with database_address(settings) as url:
        return asyncio.run(run(url))
