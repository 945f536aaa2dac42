"""`leads serve`: the whole service under one roof."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import FrameType

import click
import structlog
from prometheus_client.multiprocess import mark_process_dead

from service.cli.connecting import database_address
from service.cli.preparing import prepare
from service.cli.supervisor import Program, Supervisor
from service.core import logs
from service.core.embedded import EmbeddedPostgresError, restart_if_gone
from service.settings import Settings, load_settings

log = structlog.get_logger(__name__)


@click.command()
@click.option("--no-worker", is_flag=True, help="Only the API: `leads worker` runs somewhere else.")
def serve(*, no_worker: bool) -> None:
    """Serve the API and run a worker; start the embedded database first if LEADS_DATABASE_URL names no other."""
    settings = load_settings()
    logs.set_up(settings)
    listener = open_socket(settings.host, settings.port)
    # Until the supervisor takes over, a SIGTERM must not leave an embedded database behind.
    signal.signal(signal.SIGTERM, _leave)
    with database_address(settings) as url:
        try:
            asyncio.run(_serve(settings, url, listener, worker=not no_worker))
        finally:
            # What is left is to stop the database, and nothing may interrupt that.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket that all API processes will share, or end with one line that says why not."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family, backlog=2048)
    except OSError as fault:
        message = (
            f"cannot listen on {host}:{port} ({os.strerror(fault.errno or 0)}); LEADS_HOST and LEADS_PORT say where"
        )
        raise click.ClickException(message) from None
    return listener


async def _serve(settings: Settings, url: str, listener: socket.socket, *, worker: bool) -> None:
    first_key = await prepare(url, settings)
    # Children watch the reading end: it closes with this process, however it dies.
    pipe, held = os.pipe()
    with tempfile.TemporaryDirectory(prefix="leads-metrics-") as metrics:
        environment = os.environ | {"LEADS_DATABASE_URL": url, "PROMETHEUS_MULTIPROC_DIR": metrics}
        supervisor = Supervisor(
            list(_programs(settings, environment, pipe, listener, worker=worker)),
            grace=settings.shutdown_seconds,
            on_exit=lambda pid: mark_process_dead(pid, metrics),  # type: ignore[no-untyped-call]
        )
        _announce(settings, listener, first_key)
        async with _database_kept_running(settings):
            # Closing our own socket as well lets new connections be refused instead of waiting for nobody.
            await supervisor.run(on_stop=listener.close)
    os.close(held)


def _programs(
    settings: Settings, environment: dict[str, str], pipe: int, listener: socket.socket, *, worker: bool
) -> Iterator[Program]:
    python = (sys.executable, "-m", "service.cli")
    api = (*python, "api", "--socket", str(listener.fileno()), "--supervisor", str(pipe))
    for number in range(settings.workers):
        yield Program(f"api-{number}", api, (listener.fileno(), pipe), environment)
    if worker:
        yield Program("worker", (*python, "worker", "--supervisor", str(pipe)), (pipe,), environment)


def _announce(settings: Settings, listener: socket.socket, first_key: str | None) -> None:
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(f"API        {address}/v1")
    print(f"docs       {address}/docs")
    if first_key is not None and settings.bootstrap_key is None:
        print(f"admin key  {first_key}")
        print("           It is shown this once; `leads keys create` makes more.")
    sys.stdout.flush()


@asynccontextmanager
async def _database_kept_running(settings: Settings) -> AsyncIterator[None]:
    """Start the embedded server again should it die while the block runs; other databases are not ours to start."""
    if settings.database_url is not None:
        yield
        return
    task = asyncio.create_task(_keep_database_running(settings.data_dir))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_database_running(data_dir: Path) -> None:
    while True:
        await asyncio.sleep(1)
        try:
            if await asyncio.to_thread(restart_if_gone, data_dir):
                log.error("embedded_database_restarted")
        except EmbeddedPostgresError as fault:
            log.error("embedded_database_away", detail=str(fault))
