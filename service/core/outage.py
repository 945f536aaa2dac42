"""Whether an error says that the database is away, or only busy: then the same thing may simply be tried again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# Seconds after which it is worth to try again.
_AWAY: Final = 2
_BUSY: Final = 1

_AWAY_CLASSES: Final = ("08", "53")  # connection exceptions, out of some resource
_AWAY_STATES: Final = {
    "57P01",  # the server is being stopped
    "57P02",  # … or has crashed
    "57P03",  # … or is starting
    "57P05",  # the session was idle for too long
    "25P03",  # … or its transaction was
    "25006",  # read-only: a standby that has not been promoted yet
}
_BUSY_STATES: Final = {"40001", "40P01", "55P03"}  # serialization, deadlock, lock timeout
_OUT_OF_RANGE_STATES: Final = {"22003", "22008", "22021", "22P05"}  # a number, a time, a character


def retry_after(error: BaseException) -> int | None:
    """Return the seconds to wait before the same request may succeed, or None when waiting does not help."""
    for cause in _causes(error):
        if isinstance(cause, PoolTimeoutError | OSError) or (
            isinstance(cause, DBAPIError) and cause.connection_invalidated
        ):
            return _AWAY
        if isinstance(cause, asyncpg.InterfaceError) and "closed" in str(cause):
            return _AWAY
        state = getattr(cause, "sqlstate", None) or ""
        if state in _BUSY_STATES:
            return _BUSY
        if state in _AWAY_STATES or state[:2] in _AWAY_CLASSES:
            return _AWAY
    return None


def is_out_of_range(error: BaseException) -> bool:
    """Tell whether a value was refused because the database's type cannot hold it."""
    for cause in _causes(error):
        state = getattr(cause, "sqlstate", None)
        # 22000 is what asyncpg says of an argument before it sends it, of its type as well as of its range.
        if state in _OUT_OF_RANGE_STATES or (state == "22000" and "out of" in str(cause)):
            return True
    return False


def is_ours(error: BaseException) -> bool:
    """Tell whether the statement itself was refused (class 42: no such column, no permission): a deployment half done, never the data."""
    return any((getattr(cause, "sqlstate", None) or "").startswith("42") for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = (cause.orig if isinstance(cause, DBAPIError) else None) or cause.__cause__
