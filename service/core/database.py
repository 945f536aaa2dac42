"""The database: engines, and the one place where a transaction begins and ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from sqlalchemy import Executable
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.settings import Settings

# A statement that waits this long for a lock is answered 503 and may be tried again.
_SERVER_SETTINGS = {
    "application_name": "lead-lifecycle",
    "timezone": "UTC",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
    # Statistics outside the rollup join whole tables; with the usual 4 MB that takes several times as long. Nothing else needs it.
    "work_mem": "32MB",
}


def dumps(value: Any) -> str:
    """Return a value as JSON text; dates, UUIDs and decimals (as strings) included."""
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode()


def address_of(settings: Settings) -> str:
    """Return the address of the database; `RuntimeError` while there is none."""
    if settings.database_url is None:
        raise RuntimeError("the embedded database is started by the command line, which passes its address on")
    return settings.database_url


def create_engine(url: str, *, pool_size: int = 10, statement_seconds: float | None = 60) -> AsyncEngine:
    """Return an engine for a ``postgresql://`` address; nothing connects before it is used.

    A statement that takes longer than ``statement_seconds`` is cancelled; None is for maintenance, which takes as long as it takes.
    """
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=False,
        # An error that quotes a statement must not quote people.
        hide_parameters=True,
        json_serializer=dumps,
        json_deserializer=orjson.loads,
        connect_args={"server_settings": _SERVER_SETTINGS, "timeout": 5, "command_timeout": statement_seconds},
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection in a transaction that commits when the block ends well and rolls back when it does not."""
    async with engine.begin() as connection:
        yield connection


async def fetch(connection: AsyncConnection, statement: Executable, **parameters: Any) -> list[dict[str, Any]]:
    """Run a statement and return its rows as dictionaries."""
    result = await connection.execute(statement, parameters)
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]
