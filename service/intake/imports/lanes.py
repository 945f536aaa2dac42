"""Lanes: several work on one import at once, each on a piece of its own, and yet it comes out as if one had gone through the file.

::

    piece 7   take ─ read and clean ─ gate 6 ─ claim, lock ─ open 7 ─ write ───────── piece 6 done? ─ settle, commit
    piece 8          take ─ read and clean ──────────────────── gate 7 ─ claim, lock ─ open 8 ─ write ─── piece 7 done? …

A piece claims its identities and locks its leads only after the one before it has, and is committed only after it: so whom a row finds, and
which of two rows comes first, does not depend on who works how fast. All of it is locks in the database. Whoever is killed lets go of them;
the piece is taken by another, and the ones after it, which find it not done, are undone and taken again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock, outage
from service.core.database import transaction
from service.core.errors import Unavailable
from service.intake.imports import activity_rows, history_rows, lead_rows, spend_rows, store
from service.intake.imports.opening import Opened
from service.intake.imports.outcomes import Outcome
from service.intake.imports.records import Reader
from service.intake.imports.reverting import revert_some
from service.intake.imports.schemas import ImportOptions
from service.leads.book import Book

_log = structlog.get_logger(__name__)

Some = TypeVar("Some")
Write = Callable[[Sequence[Any]], Awaitable[Outcome]]
_UNEXPECTED: Final = "unexpected"


class _Overtaken(Exception):
    """The piece before this one was not done after all, or the import was canceled: what was written is taken back."""


async def work(engine: AsyncEngine) -> int:
    """Work through one piece of an import, or of the revert of one, and return how many rows it had; 0 if there is nothing to do."""
    async with engine.connect() as connection:
        try:
            with suppress(_Overtaken):
                async with connection.begin():
                    done = await _one_piece(connection)
                if done:
                    return done
        finally:
            # A gate outlives its transaction; a connection that is lost has let go of it already.
            with suppress(Exception):
                await store.open_gates(connection)
    async with transaction(engine) as connection:
        return await revert_some(connection, now=clock.now())


async def _one_piece(connection: AsyncConnection) -> int:
    chunk = await store.take_chunk(connection)
    if chunk is None:
        return 0
    import_id, number = chunk["import_id"], chunk["number"]
    outcome = Outcome()
    kind = chunk["kind"]
    reader = _reader(chunk)
    read = _READ[kind](reader, chunk["data"].decode(), chunk["first_row"], outcome)
    if number:
        await store.pass_gate(connection, import_id, number - 1)
    now = clock.now()
    gate = _Gate(connection, import_id, number)

    async def write(some: Sequence[Any]) -> Outcome:
        book = Book(connection, now=now, actor=f"import:{import_id}")
        try:
            return await _WRITE[kind](connection, some, book, reader.options, gate.open_early)
        except Exception as error:
            gate.refuse_to_reopen(error)
            raise

    outcome.add(
        await _tried(connection, read, write) if chunk["dry_run"] else await _carefully(connection, read, write)
    )
    await gate.open()
    await _settle(connection, import_id, number, outcome, now=now)
    return max(1, len(outcome.rows) + len(outcome.failed))


def _reader(chunk: dict[str, Any]) -> Reader:
    given = {name: chunk[name] for name in ("kind", "mode", "dry_run")}
    options = ImportOptions.model_validate(chunk["options"] | given)
    return Reader(options, tuple(chunk["header"]) if chunk["header"] else None, chunk["delimiter"] or ",")


class _Gate:
    """The gate of one piece. A piece that failed when it was written whole is taken again, and keeps its gate shut to the end then."""

    def __init__(self, connection: AsyncConnection, import_id: UUID, number: int) -> None:
        self._connection = connection
        self._place = (import_id, number)
        self._is_open = False

    async def open_early(self) -> None:
        """Open the gate, unless the piece may have to be written in parts."""
        if self._place not in _SUSPECT:
            await self.open()

    async def open(self) -> None:
        """Open the gate, once."""
        if not self._is_open:
            self._is_open = True
            await store.open_gate(self._connection, *self._place)

    def refuse_to_reopen(self, error: Exception) -> None:
        """Give the piece up if the next one may be ahead of what is to be written again."""
        if self._is_open and not passes(error):
            _SUSPECT.add(self._place)
            raise _Overtaken from error


_SUSPECT: Final[set[tuple[UUID, int]]] = set()


async def _settle(
    connection: AsyncConnection, import_id: UUID, number: int, outcome: Outcome, *, now: datetime
) -> None:
    if number and not await store.is_done(connection, import_id, number - 1):
        raise _Overtaken
    counts = outcome.counts()
    if not await store.settle_chunk(connection, import_id, number, outcome=outcome.columns(), counts=counts, now=now):
        raise _Overtaken
    _log.info("import_piece_done", import_id=str(import_id), number=number, **counts)


def passes(error: Exception) -> bool:
    """Return whether an error says nothing about a row: the database is away or busy, or is not the one this code was made for."""
    return isinstance(error, Unavailable) or outage.retry_after(error) is not None or outage.is_ours(error)


async def _carefully(connection: AsyncConnection, rows: Sequence[Any], write: Write) -> Outcome:
    """Write rows; if that fails for a reason of theirs, half of them and then the other half, down to the one at fault."""
    try:
        async with connection.begin_nested():
            return await write(rows)
    except Exception as error:
        if passes(error) or isinstance(error, _Overtaken):
            raise
        if len(rows) == 1:
            kind = type(getattr(error, "orig", None) or error).__name__
            _log.exception("import_row_failed", error=kind)
            outcome = Outcome()
            outcome.refuse(rows[0].row.number, _UNEXPECTED, f"Unexpected fault: {kind}.")
            return outcome
    half = len(rows) // 2
    outcome = await _carefully(connection, rows[:half], write)
    outcome.add(await _carefully(connection, rows[half:], write))
    return outcome


async def _tried(connection: AsyncConnection, rows: Sequence[Any], write: Write) -> Outcome:
    """Write rows, take it back, and return what would have become of them."""
    savepoint = await connection.begin_nested()
    outcome = await _carefully(connection, rows, write)
    await savepoint.rollback()
    return outcome


_READ: Final[dict[str, Callable[[Reader, str, int, Outcome], Sequence[Any]]]] = {
    "leads": lead_rows.read,
    "transitions": history_rows.read,
    "activities": activity_rows.read,
    "spend": spend_rows.read,
}
_WRITE: Final[dict[str, Callable[[AsyncConnection, Any, Book, ImportOptions, Opened], Awaitable[Outcome]]]] = {
    "leads": lead_rows.write,
    "transitions": history_rows.write,
    "activities": activity_rows.write,
    "spend": spend_rows.write,
}
