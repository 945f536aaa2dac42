"""Questions that read rows instead of counters: one after the other, so that they never take the machine away from the intake.

While deliveries come in through this process, each keeps to one core, in PostgreSQL as here: it takes longer, and they do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import CompoundSelect, CursorResult, Select, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Unavailable
from service.core.rush import RUSH

# As many wait as can wait without taking the connections away from everybody else.
_MOST_WAITING: Final = 6

# Both for the rest of the answer, if that is a transaction; by itself, a statement is short.
_ON_ONE_CORE: Final = text("SELECT set_config('max_parallel_workers_per_gather', '0', true)")
# Whoever waits for its turn does nothing, and is not to be taken for one that hangs.
_WAITING_IS_FINE: Final = text("SELECT set_config('idle_in_transaction_session_timeout', '15min', true)")

# A question of several statements is not sent away between them.
_admitted: Final = ContextVar("admitted", default=False)


class _Turnstile:
    """Lets one in at a time, and sends away whom it would keep waiting too long."""

    def __init__(self) -> None:
        self._free = asyncio.Lock()
        self._waiting = 0

    @property
    def is_taken(self) -> bool:
        """Whether somebody has the turn."""
        return self._free.locked()

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Wait for the turn; raises `Unavailable` if too many wait already, but not to one that has had a turn before."""
        if self._waiting >= _MOST_WAITING and not _admitted.get():
            raise Unavailable("too many questions that read every journey are being answered; ask again in a moment")
        _admitted.set(True)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()


# One for each process; in tests, one for each loop.
_turnstiles: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Turnstile]] = WeakKeyDictionary()


async def read_rows(
    connection: AsyncConnection, statement: Select[Any] | CompoundSelect[Any] | TextClause, given: Mapping[str, Any]
) -> CursorResult[*tuple[Any, ...]]:
    """Return what a statement over journeys or transitions finds; waits for its turn among others of its kind."""
    turnstile = _turnstiles.setdefault(asyncio.get_running_loop(), _Turnstile())
    is_transaction = _is_transaction(connection)
    if is_transaction and turnstile.is_taken:
        await connection.execute(_WAITING_IS_FINE)
    async with turnstile.passed():
        if is_transaction and RUSH.is_on:
            await connection.execute(_ON_ONE_CORE)
        return await connection.execute(statement, dict(given))


def _is_transaction(connection: AsyncConnection) -> bool:
    below = connection.sync_connection
    return below is not None and below.get_execution_options().get("isolation_level") != "AUTOCOMMIT"


async def read_counted(
    connection: AsyncConnection,
    statement: Select[Any] | CompoundSelect[Any],
    given: Mapping[str, Any],
    *,
    counted: bool,
    alone: bool = False,
) -> CursorResult[*tuple[Any, ...]]:
    """Return what a statement finds: at once if it is over the rollup (``counted``), or else when its turn has come.

    ``alone``: it is all that is asked of this moment. A statement over the rollup is then a transaction by itself, unless one has begun already:
    that saves two round trips.
    """
    if not counted:
        return await read_rows(connection, statement, given)
    if alone and not connection.in_transaction():
        await connection.execution_options(isolation_level="AUTOCOMMIT")
    return await connection.execute(statement, dict(given))
