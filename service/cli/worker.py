"""`leads worker`: everything that happens after the answer."""

from __future__ import annotations

import gc

import click

from service.cli.connecting import database_address
from service.core import loops
from service.core.children import allow_many_connections, end_with_supervisor
from service.settings import load_settings


@click.command()
@click.option("--supervisor", type=int, hidden=True)
def worker(supervisor: int | None) -> None:
    """Process deliveries and keep the statistics until SIGTERM. Start as many as you like."""
    settings = load_settings()
    end_with_supervisor(supervisor, grace=settings.shutdown_seconds)
    allow_many_connections()
    from service.worker import run_worker

    # What there is now lives as long as the process, and need not be walked again and again.
    gc.collect()
    gc.freeze()
    with database_address(settings) as url:
        loops.run(run_worker(settings.model_copy(update={"database_url": url})))
