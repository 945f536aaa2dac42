from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import fetch
from service.outbound.delivering.dispatcher import Dispatcher
from service.outbound.sending.guard import Guard
from service.outbound.sending.sender import Sender
from service.stats.segments.choosing import choose
from tests.outbound.delivering.listening import Listener, listening

LOCAL = ("127.0.0.1",)

Listen = Callable[..., Awaitable[Listener]]
Add = Callable[..., Awaitable[dict[str, Any]]]
Rows = Callable[..., Awaitable[list[dict[str, Any]]]]


class Clock:
    """The clock of the service, which can be moved on."""

    def __init__(self) -> None:
        self.moved = timedelta(0)
        self._now = clock.now

    def now(self) -> datetime:
        return self._now() + self.moved

    def move(self, **by: float) -> None:
        self.moved += timedelta(**by)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Move the clock on: ``time.move(hours=2)``."""
    moved = Clock()
    monkeypatch.setattr(clock, "now", moved.now)
    return moved


@pytest.fixture
async def app(app: FastAPI) -> AsyncIterator[FastAPI]:
    """The application, which may reach this machine."""
    await app.state.sender.close()
    app.state.outbound_guard, app.state.sender = Guard(LOCAL), Sender(LOCAL, timeout=5)
    yield app
    await app.state.sender.close()


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Start a receiver: ``await listen(500)``, or with a function from what was heard to the answer."""
    started: list[Listener] = []

    async def start(answer: Any = 200) -> Listener:
        listener = await listening(answer)
        started.append(listener)
        return listener

    yield start
    for listener in started:
        await listener.stop()


@pytest.fixture
def add(client: AsyncClient) -> Add:
    """Add an endpoint: ``await add(listener, event_types=[…])`` → as the API answers."""

    async def make(listener: Listener | str, **given: Any) -> dict[str, Any]:
        url = listener if isinstance(listener, str) else listener.url
        answer = await client.post("/v1/webhook-endpoints", json={"url": url, **given})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
async def dispatcher(engine: AsyncEngine) -> AsyncIterator[Callable[..., Dispatcher]]:
    """Make dispatchers, as each worker has one: ``dispatcher(timeout=0.3)``."""
    senders: list[Sender] = []

    def make(timeout: float = 5, **given: Any) -> Dispatcher:
        senders.append(Sender(LOCAL, timeout=timeout))
        return Dispatcher(engine, senders[-1], choose, **given)

    yield make
    for sender in senders:
        await sender.close()


@pytest.fixture
def deliver(dispatcher: Callable[..., Dispatcher]) -> Callable[..., Awaitable[int]]:
    """Deliver all that can be delivered now: ``await deliver()`` → how often it was tried."""

    async def run(**given: Any) -> int:
        return await dispatcher(**given).settle()

    return run


@pytest.fixture
def rows(engine: AsyncEngine) -> Rows:
    """Look into the database: ``await rows("SELECT …")``."""

    async def read(statement: str, **given: Any) -> list[dict[str, Any]]:
        async with engine.connect() as connection:
            return await fetch(connection, text(statement), **given)

    return read


@pytest.fixture
def lead(publish: Callable[..., Awaitable[UUID]]) -> Callable[..., Awaitable[list[UUID]]]:
    """Write events of one lead: ``await lead(lead_id, 1, 2, 3)`` → their ids."""

    async def write(lead_id: UUID, *sequences: int, **fields: Any) -> list[UUID]:
        return [await publish(lead_id=lead_id, sequence=number, **fields) for number in sequences]

    return write
