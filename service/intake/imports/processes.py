"""Processes of their own for imports: a file keeps a core busy, and webhooks must not wait for it.

The worker starts one when there is something to do. It makes the others out of itself, so that they share the memory of what they all
need, and all end when there is nothing left. They need nothing from the worker: `lanes` says how they share an import. They end with it,
however it dies.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import outage
from service.core.database import transaction
from service.intake.imports import lanes, store

_log = structlog.get_logger(__name__)

_IDLE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.1
_AWAY_SECONDS: Final = 1.0
_SWEPT_AFTER: Final = 8


class Importers:
    """Sees to it that imports are worked on: by ``count`` processes, or by the caller itself if that is 0; `stop` waits for them."""

    def __init__(
        self, engine: AsyncEngine, *, count: int = 0, database_url: str | None = None, quiet: bool = False
    ) -> None:
        self._engine = engine
        self._count = count
        self._environment = dict(os.environ)
        if database_url:
            self._environment["LEADS_DATABASE_URL"] = database_url
        if quiet:
            self._environment["LEADS_LOG_LEVEL"] = "error"
        self._child: asyncio.subprocess.Process | None = None
        self._pipe: tuple[int, int] | None = None

    async def run(self) -> int:
        """Do a piece of work, or see to it that others do."""
        if not self._count:
            return await lanes.work(self._engine)
        if not self.are_at_work:
            async with transaction(self._engine) as connection:
                waiting = await store.is_waiting(connection)
            if waiting:
                await self._start()
        return 0

    @property
    def are_at_work(self) -> bool:
        """Whether processes that work on imports are running: they need the cores more than what can wait."""
        return self._child is not None and self._child.returncode is None

    async def _start(self) -> None:
        # Children watch the reading end: it closes with this process, however it dies.
        self._pipe = self._pipe or os.pipe()
        command = (sys.executable, "-m", "service.intake.imports", str(self._pipe[0]), str(self._count))
        self._child = await asyncio.create_subprocess_exec(*command, env=self._environment, pass_fds=(self._pipe[0],))
        _log.info("importer_started", pid=self._child.pid)

    async def stop(self) -> None:
        """Let the processes finish the pieces they have in hand, and wait for them."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                self._child.terminate()
            await self._child.wait()
        for end in self._pipe or ():
            os.close(end)
        self._pipe = None


async def work_until_idle(engine: AsyncEngine, stopping: Callable[[], bool]) -> None:
    """Work on imports until there is nothing to do for a while, or it is time to stop."""
    # What a piece makes is given back by counting references; what little is left is looked for after some pieces.
    gc.disable()
    idle, pieces = 0.0, 0
    while idle < _IDLE_SECONDS and not stopping():
        try:
            done = await lanes.work(engine)
            pause = 0.0 if done else _PAUSE_SECONDS
        except Exception as error:  # noqa: BLE001 - as in the worker: a fault must not end the others' work
            if outage.retry_after(error) is None:
                _log.exception("import_failed", error=type(getattr(error, "orig", None) or error).__name__)
            pause = _AWAY_SECONDS
        pieces += 1
        if pause or pieces % _SWEPT_AFTER == 0:
            gc.collect()
        idle = idle + pause if pause else 0.0
        await asyncio.sleep(pause)
