"""`python -m service.intake.imports`: a process that works on imports, and as many more of its kind as it was told to make.

Not a command of `leads`: whatever that loads for other commands would be memory that each of these holds.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

from service.core import logs, loops
from service.core.children import end_with_supervisor
from service.core.database import create_engine
from service.intake.imports.processes import work_until_idle
from service.settings import Settings, load_settings


def main(supervisor: int, count: int) -> None:
    """Work on imports until there is nothing left to do, or SIGTERM; wait for the processes that were made."""
    settings = load_settings()
    # What there is now is the same for all, and stays: nobody has to look through it for garbage, and so nobody gets a copy of it.
    gc.collect()
    gc.freeze()
    made: list[int] = []
    for _ in range(1, count):
        if (child := os.fork()) == 0:
            made = []
            break
        made.append(child)
    end_with_supervisor(supervisor, grace=settings.shutdown_seconds)
    logs.set_up(settings)
    loops.run(_work(settings, made))
    for child in made:
        os.waitpid(child, 0)


async def _work(settings: Settings, made: list[int]) -> None:
    assert settings.database_url is not None
    stopping = asyncio.Event()

    def stop() -> None:
        stopping.set()
        for child in made:
            os.kill(child, signal.SIGTERM)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    engine = create_engine(settings.database_url, pool_size=1, statement_seconds=600)
    try:
        await work_until_idle(engine, stopping.is_set)
    finally:
        await engine.dispose()


main(int(sys.argv[1]), int(sys.argv[2]))
