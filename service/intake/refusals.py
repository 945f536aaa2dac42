"""How often deliveries are refused: counted in memory, written down every few seconds, so that a flood of them costs the database nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import date
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock, outage
from service.core.database import transaction
from service.intake import figures_store

_log = structlog.get_logger(__name__)

_EVERY_SECONDS: Final = 3.0


class Refusals:
    """Counts refused deliveries by channel, day (UTC) and code. One per process; the figures of all processes are added up."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._counted: dict[tuple[str, date, str], int] = {}
        self._writing: asyncio.Task[None] | None = None

    def count(self, channel: str, code: str) -> None:
        """Count one refusal; it is written down within seconds."""
        key = (channel, clock.now().date(), code)
        self._counted[key] = self._counted.get(key, 0) + 1
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_later(), name="refusals")

    async def flush(self, connection: AsyncConnection) -> None:
        """Write down what was counted so far; it is kept, and counts next time, if that fails."""
        counted, self._counted = self._counted, {}
        if not counted:
            return
        try:
            await figures_store.add_refusals(connection, counted)
        except BaseException:
            for key, count in counted.items():
                self._counted[key] = self._counted.get(key, 0) + count
            raise

    async def stop(self) -> None:
        """Write down what is left, if the database lets us."""
        if self._writing is not None:
            self._writing.cancel()
            with suppress(asyncio.CancelledError):
                await self._writing
        await self._try()

    async def _write_later(self) -> None:
        while self._counted:
            await asyncio.sleep(_EVERY_SECONDS)
            await self._try()
        self._writing = None

    async def _try(self) -> None:
        try:
            if self._counted:
                async with transaction(self._engine) as connection:
                    await self.flush(connection)
        except Exception as error:  # noqa: BLE001 - they are kept, and the next try is the answer
            if outage.retry_after(error) is None:
                _log.exception("refusals_not_written", error=type(error).__name__)
            else:
                _log.warning("refusals_wait_for_database", error=type(error).__name__)
