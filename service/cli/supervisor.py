"""Keeps child processes running: starts them, replaces those that die, and stops them all when asked to."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

log = structlog.get_logger(__name__)

# A child that lived this long had started well: it is replaced at once. One that dies sooner waits longer each time,
# unless it was killed, which says nothing about the next one.
_HEALTHY_SECONDS: Final = 5.0
_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 15.0


@dataclass(frozen=True)
class Program:
    """One child process: what to run, with which descriptors it inherits."""

    name: str
    command: Sequence[str]
    descriptors: Sequence[int]
    environment: Mapping[str, str]


class Supervisor:
    """Runs programs until SIGTERM or SIGINT, which it turns into SIGTERM for each of them."""

    def __init__(self, programs: Sequence[Program], *, grace: float, on_exit: Callable[[int], None]) -> None:
        """Take the programs, the seconds they get to stop, and what to do with the process id of one that ended."""
        self._programs = programs
        self._grace = grace
        self._on_exit = on_exit
        self._stopping = asyncio.Event()
        self._processes: set[asyncio.subprocess.Process] = set()

    def stop(self) -> None:
        """Begin to stop; saying it again changes nothing."""
        self._stopping.set()

    async def run(self, *, on_stop: Callable[[], None]) -> None:
        """Run the programs, call ``on_stop`` as soon as a stop is asked for, and return when all have ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        tasks = [asyncio.create_task(self._keep(program)) for program in self._programs]
        await self._stopping.wait()
        on_stop()
        self._signal(signal.SIGTERM)
        _, late = await asyncio.wait(tasks, timeout=self._grace)
        if late:
            log.error("children_killed", count=len(self._processes), after_seconds=self._grace)
            self._signal(signal.SIGKILL)
            await asyncio.wait(late)

    async def _keep(self, program: Program) -> None:
        delay = 0.0
        while not self._stopping.is_set():
            started = time.monotonic()
            pid, code = await self._run_once(program)
            if self._stopping.is_set():
                return
            if time.monotonic() - started >= _HEALTHY_SECONDS:
                delay = 0.0
            elif code == -signal.SIGKILL:
                delay = _FIRST_DELAY
            else:
                delay = min(_LONGEST_DELAY, max(_FIRST_DELAY, delay * 2))
            log.error("child_died", program=program.name, pid=pid, exit_code=code, restart_in_seconds=delay)
            await self._pause(delay)

    async def _run_once(self, program: Program) -> tuple[int, int]:
        # A session of its own: Ctrl-C in a terminal reaches the supervisor alone, which then stops all in order.
        process = await asyncio.create_subprocess_exec(
            *program.command,
            env=dict(program.environment),
            pass_fds=program.descriptors,
            start_new_session=True,
        )
        self._processes.add(process)
        if self._stopping.is_set():
            process.terminate()
        code = await process.wait()
        self._processes.discard(process)
        self._on_exit(process.pid)
        return process.pid, code

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)
        except TimeoutError:
            return

    def _signal(self, number: signal.Signals) -> None:
        for process in list(self._processes):
            process.send_signal(number)
