"""Processes that deliver and nothing else, to be killed: ``python -m tests.outbound.delivering.dispatching <database> <lease>``.

Each line of its input starts one, and its pid is printed: everything is imported only once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from service.core.database import create_engine
from service.outbound.delivering.dispatcher import Dispatcher
from service.outbound.sending.sender import Sender
from service.stats.segments.choosing import choose


async def main(database: str, lease: float) -> None:
    engine = create_engine(database, pool_size=5)
    await Dispatcher(engine, Sender(["127.0.0.1"]), choose, lease=lease).run()


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        if (pid := os.fork()) == 0:
            asyncio.run(main(sys.argv[1], float(sys.argv[2])))
            os._exit(0)
        print(pid, flush=True)  # noqa: T201 - to who asked for it
