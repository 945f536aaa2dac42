"""`leads importer`: a process that a worker starts while there is an import."""

from __future__ import annotations

import asyncio
import signal

import click

from service.cli.children import end_with_supervisor
from service.settings import Settings, load_settings


@click.command(hidden=True)
@click.option("--supervisor", type=int)
def importer(supervisor: int | None) -> None:
    """Work on imports until there is nothing left to do, or SIGTERM."""
    settings = load_settings()
    end_with_supervisor(supervisor, grace=settings.shutdown_seconds)
    asyncio.run(work(settings))


async def work(settings: Settings) -> None:
    """Work on imports in this process."""
    from service.core import logs
    from service.core.database import create_engine
    from service.intake.imports.processes import work_until_idle

    logs.set_up(settings)
    assert settings.database_url is not None
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    engine = create_engine(settings.database_url, pool_size=2, statement_seconds=600)
    try:
        await work_until_idle(engine, stopping.is_set)
    finally:
        await engine.dispose()
