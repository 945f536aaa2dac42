"""`leads api`: one API process on a socket that `leads serve` opened."""

from __future__ import annotations

import gc
import socket
from collections.abc import Awaitable, Callable

import click
import uvicorn
from fastapi import FastAPI

from service.core.children import allow_many_connections, end_with_supervisor
from service.settings import Settings, load_settings


class _Server(uvicorn.Server):
    """A uvicorn that lets go of those who wait for news before it waits for every answer to end."""

    def __init__(self, config: uvicorn.Config, before: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._before = before

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, after what is to be done before."""
        await self._before()
        await super().shutdown(sockets)


def server(app: FastAPI, settings: Settings, *, before_end: Callable[[], Awaitable[None]]) -> uvicorn.Server:
    """Return a uvicorn that logs nothing of its own, does ``before_end`` and finishes what it accepted before it stops."""
    return _Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            backlog=2048,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        ),
        before_end,
    )


@click.command(hidden=True)
@click.option("--socket", "descriptor", type=int, required=True)
@click.option("--supervisor", type=int)
def api(descriptor: int, supervisor: int | None) -> None:
    """Serve the API on an inherited socket until SIGTERM."""
    settings = load_settings()
    end_with_supervisor(supervisor, grace=settings.shutdown_seconds)
    from service.app import create_app

    allow_many_connections()
    app = create_app(settings)
    # What there is now lives as long as the process. A full collection that walked it would hold up every request for 100 ms.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=descriptor) as listener:
        server(app, settings, before_end=app.state.tail.stop).run(sockets=[listener])
