"""A process that delivers and nothing else, to be killed: ``python -m tests.outbound.delivering.dispatching <database> <lease>``."""

from __future__ import annotations

import asyncio
import signal
import sys

from service.core.database import create_engine
from service.outbound.delivering.dispatcher import Dispatcher
from service.outbound.sending.sender import Sender
from service.stats.segments.choosing import choose


async def main(database: str, lease: float) -> None:
    engine = create_engine(database, pool_size=5)
    sender = Sender(["127.0.0.1"])
    dispatcher = Dispatcher(engine, sender, choose, lease=lease)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dispatcher.stop)
    await dispatcher.run()
    await sender.close()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
