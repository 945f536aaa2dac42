"""The application behind a real server: what is streamed, and who hangs up, cannot be seen without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.cli.api import server
from service.cli.serve import open_socket
from service.settings import Settings


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must become true."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 20 seconds")


class Served:
    """An API process in all but name, and a client with an admin key."""

    def __init__(
        self, app: FastAPI, client: httpx.AsyncClient, running: uvicorn.Server, task: asyncio.Task[Any]
    ) -> None:
        self.app = app
        self.client = client
        self._running = running
        self._task = task

    async def stop(self) -> None:
        """Do what SIGTERM does."""
        self._running.should_exit = True
        await self._task

    async def waiting(self, count: int) -> None:
        """Wait until so many readers wait for what comes next."""
        await until(lambda: len(self.app.state.tail._waiters) == count)


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(settings: Settings, engine: AsyncEngine, key: Callable[..., Awaitable[str]]) -> AsyncIterator[Serve]:
    """Serve the application: ``await serve(feed_listeners=1)`` with settings that differ."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Served:
            listener = open_socket("127.0.0.1", 0)
            different = settings.model_copy(update={"shutdown_seconds": 5, **changes})
            app = create_app(different, engine)
            running = server(app, different, before_end=app.state.tail.stop)
            task = asyncio.create_task(running._serve(sockets=[listener]))
            client = await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
                    headers={"Authorization": f"Bearer {await key('admin')}"},
                    timeout=20,
                    limits=httpx.Limits(max_connections=None),
                )
            )
            served = Served(app, client, running, task)
            stack.push_async_callback(served.stop)
            await until(lambda: running.started)
            return served

        yield start
