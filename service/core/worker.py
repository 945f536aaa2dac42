"""The worker: a loop for each task, plain to see, that stops when asked to and outlives the database's absences.

A task is a function that does one piece of work in its own transaction and returns how much it did. One that did something runs again at
once; one that found nothing to do waits. Nothing is lost by stopping: what is in hand is finished, the rest is in the database.
"""

from __future__ import annotations

import asyncio
import random
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock, outage, store
from service.core.database import transaction
from service.core.ids import new_id
from service.settings import Settings

_log = structlog.get_logger(__name__)

BEAT_SECONDS: Final = 5.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Task:
    """Something the worker does: ``run`` returns how much it did; after 0 it waits ``every`` seconds.

    ``lanes`` runs of it may be under way at once: while one waits for the database, another one thinks. Where there is nothing to do they
    look in turns. A run that does not end by itself is asked to by ``stop``.
    """

    name: str
    run: Callable[[], Awaitable[int]]
    every: float
    lanes: int = 1
    stop: Callable[[], None] | None = None


class Worker:
    """Runs tasks until `stop`, SIGTERM or SIGINT. One per process."""

    def __init__(self, engine: AsyncEngine, settings: Settings, tasks: Sequence[Task]) -> None:
        self.id = new_id()
        self._engine = engine
        self._patience = settings.shutdown_seconds
        self._started_at = clock.now()
        self._tasks = (*tasks, Task("heartbeat", self._beat, BEAT_SECONDS))
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Run every task until told to stop, then finish what is in hand; what takes longer than the settings allow is rolled back."""
        _log.info("worker_started", worker_id=str(self.id), tasks=[task.name for task in self._tasks])
        with _stopped_by_signals(self.stop):
            lanes = [
                asyncio.create_task(self._loop(task, pausing), name=task.name)
                for task, pausing in ((task, asyncio.Lock()) for task in self._tasks)
                for _ in range(task.lanes)
            ]
            await self._stopping.wait()
            for task in self._tasks:
                if task.stop is not None:
                    task.stop()
            _, unfinished = await asyncio.wait(lanes, timeout=self._patience)
            for lane in unfinished:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        with suppress(Exception):
            async with transaction(self._engine) as connection:
                await store.forget_beat(connection, self.id)
        _log.info("worker_stopped", worker_id=str(self.id), unfinished=[lane.get_name() for lane in unfinished])

    def stop(self) -> None:
        """Ask `run` to return when the work in hand is done."""
        self._stopping.set()

    async def _loop(self, task: Task, pausing: asyncio.Lock) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                done = await task.run()
            except Exception as error:  # noqa: BLE001 - a task's fault must not end the others
                _report(task, error)
                await self._wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the retries, no secret
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE
                if not done:
                    # One after the other: two lanes with nothing to do look no more often than one.
                    async with pausing:
                        await self._wait(task.every)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _beat(self) -> int:
        """Say that this worker is alive."""
        async with transaction(self._engine) as connection:
            await store.beat(connection, worker_id=self.id, started_at=self._started_at, now=clock.now())
        return 0


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on SIGTERM and SIGINT; not in a thread, where signals do not arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _report(task: Task, error: Exception) -> None:
    kind = type(getattr(error, "orig", None) or error).__name__
    if outage.retry_after(error) is None:
        _log.exception("task_failed", task=task.name, error=kind)
    else:
        _log.warning("task_waits_for_database", task=task.name, error=kind)
