"""The group committer: everything that waits is written by one COPY and made durable by one commit.

While a commit is under way the next deliveries gather; the more load, the larger the groups, and the fewer commits a delivery costs.
Nothing is acknowledged before its commit returned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import outage
from service.core.errors import Unavailable
from service.core.rush import RUSH

_log = structlog.get_logger(__name__)

_LARGEST_GROUP: Final = 1000
_TIMEOUT_SECONDS: Final = 15.0
_RETRY_SECONDS: Final = 0.5

Row = tuple[Any, ...]
_Waiting = tuple[Row, asyncio.Future[None]]


class IntakeUnavailable(Unavailable):
    """A delivery cannot be made durable now; it was not accepted, and may be sent again."""

    headers: Mapping[str, str] = MappingProxyType({"Retry-After": "2"})


class Committer:
    """Writes rows of one table, durable when `write` returns. One per process; begins with the first row.

    ``limit`` is how many rows may wait. The first column must be unique: it tells after a lost connection whether a group was committed.
    """

    def __init__(self, engine: AsyncEngine, *, table: str, columns: tuple[str, ...], limit: int) -> None:
        self._engine = engine
        self._table = table
        self._columns = columns
        self._limit = limit
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._away = False
        self._flusher: asyncio.Task[None] | None = None
        self._connection: AsyncConnection | None = None
        self._driver: Any = None

    async def write(self, row: Row) -> None:
        """Return when the row is durable; raises `IntakeUnavailable` when it is not going to be."""
        if self._away or self._stopping or len(self._waiting) >= self._limit:
            raise IntakeUnavailable("Deliveries cannot be stored at the moment; nothing was accepted, send it again.")
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._run(), name="group-committer")
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, committed))
        self._wake.set()
        await committed

    async def stop(self) -> None:
        """Write what was accepted, then give the connection back."""
        self._stopping = True
        self._wake.set()
        if self._flusher is not None:
            await self._flusher
        await self._disconnect()

    async def _run(self) -> None:
        while not self._stopping or self._waiting:
            if self._waiting:
                group, self._waiting = self._waiting[:_LARGEST_GROUP], self._waiting[_LARGEST_GROUP:]
                await self._settle(group)
            elif self._away:
                await self._come_back()
            else:
                self._wake.clear()
                await self._wake.wait()
                # Those who are ready in the same turn of the loop join the group.
                await asyncio.sleep(0)

    async def _settle(self, group: list[_Waiting]) -> None:
        """Commit a group and tell everybody in it; a row that the database refuses spoils no other."""
        RUSH.note(len(group))
        try:
            await self._commit([row for row, _ in group])
        except Exception as error:  # noqa: BLE001 - it is raised again where it belongs: in everyone who waits
            if outage.retry_after(error) is None and len(group) > 1:
                for one in group:
                    await self._settle([one])
            else:
                self._fail(group, error)
        else:
            for _, committed in group:
                if not committed.done():
                    committed.set_result(None)

    def _fail(self, group: list[_Waiting], error: Exception) -> None:
        told = error
        if outage.retry_after(error) is not None:
            self._away = True
            told = IntakeUnavailable("The database is away; nothing was accepted, send it again.")
            _log.warning("intake_commit_failed", deliveries=len(group), error=type(error).__name__)
        for _, committed in group:
            if not committed.done():
                committed.set_exception(told)

    async def _commit(self, rows: list[Row]) -> None:
        """Commit rows; when the connection turns out to be lost, once more on a new one."""
        try:
            await self._copy(rows)
        except Exception as error:
            await self._disconnect()
            if isinstance(error, TimeoutError) or outage.retry_after(error) is None:
                raise
            # The rows of a COPY are committed all or not at all: one that is there already says that they were.
            with suppress(asyncpg.UniqueViolationError):
                await self._copy(rows)

    async def _copy(self, rows: list[Row]) -> None:
        if self._driver is None:
            await self._connect()
        await self._driver.copy_records_to_table(
            self._table, records=rows, columns=self._columns, timeout=_TIMEOUT_SECONDS
        )

    async def _connect(self) -> None:
        connection = await self._engine.connect()
        try:
            self._driver = (await connection.get_raw_connection()).driver_connection
            # Durable is what we promise, whatever the server's default is.
            await self._driver.execute(
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
            )
        except BaseException:
            self._driver = None
            await connection.invalidate()
            await connection.close()
            raise
        self._connection = connection

    async def _disconnect(self) -> None:
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            with suppress(Exception):
                # Not back into the pool: it has settings of its own, and may be broken.
                await connection.invalidate()
            with suppress(Exception):
                await connection.close()

    async def _come_back(self) -> None:
        """Wait for the database, without holding up a stop."""
        try:
            await self._connect()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next try is the answer
            _log.info("intake_still_away", error=type(error).__name__)
            with suppress(TimeoutError):
                self._wake.clear()
                await asyncio.wait_for(self._wake.wait(), _RETRY_SECONDS)
        else:
            self._away = False
            _log.info("intake_back")
