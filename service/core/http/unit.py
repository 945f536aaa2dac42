"""The unit of work of one request: its connection, its transaction, begun on first use and ended by the route alone."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import Depends, Request
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import outage
from service.core.http.problems import DatabaseAway


class Unit:
    """One request's connection and transaction. Nothing connects before `connection` or `reader` is asked for."""

    __slots__ = ("_connection", "_engine", "_reader")

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._reader: AsyncConnection | None = None

    async def connection(self) -> AsyncConnection:
        """Return the connection whose transaction the route commits."""
        if self._connection is None:
            # One request must never hold one connection and wait for another: a few of those would lock each other out of the pool.
            assert self._reader is None, "a route that writes asks for Connection first, or for nothing else"
            self._connection = await connect(self._engine)
        return self._connection

    async def reader(self) -> AsyncConnection:
        """Return a connection to read with: each statement is its own transaction, which saves two round trips."""
        if self._connection is not None:
            return self._connection
        if self._reader is None:
            self._reader = await connect(self._engine, isolation="AUTOCOMMIT")
        return self._reader

    async def snapshot(self) -> AsyncConnection:
        """Return a connection to read with whose statements all see the database as it is when the first of them begins."""
        assert self._connection is self._reader is None, "a route that asks for a snapshot asks for no other connection"
        self._reader = await connect(self._engine, isolation="REPEATABLE READ")
        return self._reader

    async def at_once(self) -> AsyncConnection | None:
        """Return a connection for one statement that is a transaction of its own; None if the request's transaction has begun.

        It has if the answer is to be kept under an ``Idempotency-Key``: that must be in the transaction of what was done.
        """
        return await self.reader() if self._connection is None else None

    async def give_back(self) -> None:
        """Give back the connection of `at_once`, before another one is asked for."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()

    async def commit(self) -> None:
        """Make everything durable and give the connections back."""
        if self._connection is not None:
            # Both at once, because each way into SQLAlchemy costs as much as a small query.
            await self._connection.run_sync(_commit_and_close)
            self._connection = None
        await self._close()

    async def rollback(self) -> None:
        """Undo everything and give the connections back, even when the request is being cancelled."""
        if self._connection is not None or self._reader is not None:
            await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        connection, reader = self._connection, self._reader
        self._connection = self._reader = None
        if connection is not None:
            await connection.close()
        if reader is not None:
            await reader.close()


def _commit_and_close(connection: SyncConnection) -> None:
    connection.commit()
    connection.close()


async def connect(
    engine: AsyncEngine, *, isolation: Literal["AUTOCOMMIT", "REPEATABLE READ"] | None = None
) -> AsyncConnection:
    """Return a connection from the pool, to be closed by the caller, or raise `DatabaseAway`."""
    try:
        connection = await engine.connect()
    except Exception as error:
        seconds = outage.retry_after(error)
        if seconds is None:
            raise
        raise DatabaseAway(seconds) from error
    return await connection.execution_options(isolation_level=isolation) if isolation else connection


async def _connection(request: Request) -> AsyncConnection:
    unit: Unit = request.state.unit
    return await unit.connection()


async def _reader(request: Request) -> AsyncConnection:
    unit: Unit = request.state.unit
    return await unit.reader()


async def _snapshot(request: Request) -> AsyncConnection:
    unit: Unit = request.state.unit
    return await unit.snapshot()


async def _unit(request: Request) -> Unit:
    unit: Unit = request.state.unit
    return unit


Connection = Annotated[AsyncConnection, Depends(_connection)]
ReadConnection = Annotated[AsyncConnection, Depends(_reader)]
SnapshotConnection = Annotated[AsyncConnection, Depends(_snapshot)]
UnitOfWork = Annotated[Unit, Depends(_unit)]
