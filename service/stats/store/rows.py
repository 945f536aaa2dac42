"""Questions that read rows instead of counters: one after the other, so that they never take the machine away from the intake.

While deliveries come in through this process, each keeps to one core, in PostgreSQL as here; while so many come in that the processor is
short, it rests besides: it takes longer, and they do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import CompoundSelect, CursorResult, Select, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Unavailable
from service.core.memory import MEMORY
from service.core.rush import RUSH
from service.stats.store.resting import resting

# As many wait as can wait without taking the connections away from everybody else.
_MOST_WAITING: Final = 6

# Both for the rest of the answer, if that is a transaction; by itself, a statement is short.
_ON_ONE_CORE: Final = text("SELECT set_config('max_parallel_workers_per_gather', '0', true)")
# Whoever waits for its turn does nothing, and is not to be taken for one that hangs. (SET takes no snapshot, which would be old by then.)
_WAITING_IS_FINE: Final = text("SET LOCAL idle_in_transaction_session_timeout = '15min'")


class _Turnstile:
    """Lets one in at a time, and sends away whom it would keep waiting too long."""

    def __init__(self) -> None:
        self._free = asyncio.Lock()
        self._waiting = 0

    @property
    def is_taken(self) -> bool:
        """Whether somebody has the turn, or is about to."""
        return self._free.locked() or self._waiting > 0

    async def enter(self) -> None:
        """Wait for the turn; raises `Unavailable` if too many wait already."""
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many questions that read every journey are being answered; ask again in a moment")
        self._waiting += 1
        try:
            await self._free.acquire()
            MEMORY.hold()
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        """Let the next one in."""
        self._free.release()
        MEMORY.give_back_soon()


# One for each process; in tests, one for each loop.
_turnstiles: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Turnstile]] = WeakKeyDictionary()


class _Turn:
    """The turn of one answer: it begins with the first statement that needs it, and ends with the answer."""

    def __init__(self) -> None:
        self._turnstile: _Turnstile | None = None

    async def begin(self, connection: AsyncConnection, *, is_transaction: bool) -> None:
        """Wait for the turn, unless it has begun; raises `Unavailable` if too many wait already."""
        if self._turnstile is not None:
            return
        turnstile = _turnstiles.setdefault(asyncio.get_running_loop(), _Turnstile())
        if is_transaction and turnstile.is_taken:
            await connection.execute(_WAITING_IS_FINE)
        await turnstile.enter()
        self._turnstile = turnstile

    def end(self) -> None:
        """Let the next one in, if the turn has begun."""
        if self._turnstile is not None:
            self._turnstile.leave()


_turn: Final[ContextVar[_Turn | None]] = ContextVar("turn", default=None)


@contextmanager
def one_turn() -> Iterator[None]:
    """Let all statements of an answer, and what is worked out between and after them, have one turn."""
    turn = _Turn()
    before = _turn.set(turn)
    try:
        yield
    finally:
        _turn.reset(before)
        turn.end()


async def read_rows(
    connection: AsyncConnection, statement: Select[Any] | CompoundSelect[Any] | TextClause, given: Mapping[str, Any]
) -> CursorResult[*tuple[Any, ...]]:
    """Return what a statement over journeys or transitions finds; waits for its turn among others of its kind."""
    turn = _turn.get()
    if turn is None:
        with one_turn():
            return await read_rows(connection, statement, given)
    is_transaction = _is_transaction(connection)
    await turn.begin(connection, is_transaction=is_transaction)
    if is_transaction and RUSH.is_on:
        await connection.execute(_ON_ONE_CORE)
    if RUSH.is_heavy and not isinstance(statement, TextClause):
        return await connection.execute(resting(statement), dict(given))
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
