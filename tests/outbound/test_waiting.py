"""Asking the feed with patience: ``GET /v1/events?wait=``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.core.http import paging
from service.core.ids import new_id
from service.outbound import tail
from tests.outbound.serving import Serve, until

_HANG_UP = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

Publish = Callable[..., Awaitable[UUID]]


async def read(client: AsyncClient, **query: object) -> dict[str, Any]:
    answer = await client.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: dict[str, Any]) -> list[str]:
    return [event["id"] for event in page["data"]]


@asynccontextmanager
async def waiting(
    app: FastAPI, client: AsyncClient, readers: int = 1, **query: object
) -> AsyncIterator[list[asyncio.Task[dict[str, Any]]]]:
    """Readers that all wait by now."""
    cursor = (await read(client, **query))["next_cursor"]
    tasks = [asyncio.create_task(read(client, **query, after=cursor, wait=60)) for _ in range(readers)]
    await until(lambda: len(app.state.tail._waiters) == readers or any(task.done() for task in tasks))
    assert not any(task.done() for task in tasks)
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_answers_at_once_when_there_is_something(client: AsyncClient, publish: Publish) -> None:
    event_id = str(await publish())
    began = time.monotonic()
    assert ids(await read(client, wait=60)) == [event_id]
    assert time.monotonic() - began < 5


async def test_it_waits_for_the_next_event(app: FastAPI, client: AsyncClient, publish: Publish) -> None:
    await publish()
    async with waiting(app, client) as (reader,):
        event_id = str(await publish())
        began = time.monotonic()
        page = await reader
        assert time.monotonic() - began < 1
    assert ids(page) == [event_id]
    assert await read(client, after=page["next_cursor"]) == {"data": [], "next_cursor": page["next_cursor"]}


async def test_when_the_time_is_up_the_page_is_empty(client: AsyncClient, publish: Publish) -> None:
    await publish()
    cursor = (await read(client))["next_cursor"]
    began = time.monotonic()
    page = await read(client, after=cursor, wait=1)
    assert 0.9 < time.monotonic() - began < 3
    assert page == {"data": [], "next_cursor": cursor}


@pytest.mark.parametrize("by", ["type", "lead_id"])
async def test_it_goes_on_waiting_when_others_events_come(
    app: FastAPI, client: AsyncClient, publish: Publish, by: str
) -> None:
    lead_id = new_id()
    query = {"type": "lead.merged"} if by == "type" else {"lead_id": str(lead_id)}
    async with waiting(app, client, **query) as (reader,):
        for _ in range(3):
            await publish(type="lead.created")
            await asyncio.sleep(0.15)
        assert not reader.done()
        wanted = str(await publish(type="lead.merged", lead_id=lead_id))
        page = await reader
    assert ids(page) == [wanted]


async def test_a_thousand_readers_cost_as_much_as_one(
    app: FastAPI, client: AsyncClient, engine: AsyncEngine, publish: Publish
) -> None:
    statements = 0

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _count(*_: object) -> None:
        nonlocal statements
        statements += 1

    async with waiting(app, client, readers=1000) as readers:
        statements = 0
        await asyncio.sleep(0.5)
        assert 0 < statements < 10
        assert engine.pool.checkedout() <= 1
        event_id = str(await publish())
        statements = 0
        pages = await asyncio.gather(*readers)
        assert statements < 20
    assert {tuple(ids(page)) for page in pages} == {(event_id,)}


async def test_whoever_asks_again_at_once_misses_nothing(client: AsyncClient, publish: Publish) -> None:
    await publish()
    cursor = (await read(client))["next_cursor"]
    seen: list[str] = []

    async def follow() -> None:
        nonlocal cursor
        while len(seen) < 30:
            page = await read(client, after=cursor, wait=10, limit=3)
            cursor = page["next_cursor"]
            seen.extend(ids(page))

    reader = asyncio.create_task(follow())
    written = [str(await publish()) for _ in range(30)]
    await reader
    assert seen == written


async def test_an_event_is_a_place_to_wait_at(client: AsyncClient, publish: Publish) -> None:
    first = await publish()
    reader = asyncio.create_task(read(client, after=first, wait=10))
    second = str(await publish())
    assert ids(await reader) == [second]


async def test_the_watch_ends_when_nobody_waits(
    app: FastAPI, client: AsyncClient, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_LINGER", 0.2)
    async with waiting(app, client):
        pass
    await until(lambda: app.state.tail._task is None)
    async with waiting(app, client) as (reader,):
        event_id = str(await publish())
        assert ids(await reader) == [event_id]


async def test_an_event_that_comes_when_the_time_is_up_is_not_passed_over(
    app: FastAPI, client: AsyncClient, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy process: before the waiting reader runs again, it was woken and its time is up."""
    wake = tail.Tail._wake

    def late(waiters: Iterable[Any]) -> None:
        woken = list(waiters)
        time.sleep(1.5)
        # Next come the timers that are overdue; the readers run after them.
        asyncio.get_running_loop().call_soon(wake, woken)

    monkeypatch.setattr(tail.Tail, "_wake", staticmethod(late))
    query = {"type": "lead.created"}
    cursor = (await read(client, **query))["next_cursor"]
    reader = asyncio.create_task(read(client, **query, after=cursor, wait=1))
    await until(lambda: len(app.state.tail._waiters) == 1)
    event_id = str(await publish())
    page = await reader
    assert ids(page) + ids(await read(client, **query, after=page["next_cursor"])) == [event_id]


async def test_an_invented_cursor_ahead_of_everything_disturbs_nobody(
    app: FastAPI, client: AsyncClient, publish: Publish
) -> None:
    ahead = paging.encode((2**60, 1, new_id()), {})
    dreamer = asyncio.create_task(read(client, after=ahead, wait=3))
    await until(lambda: len(app.state.tail._waiters) == 1)
    cursor = (await read(client))["next_cursor"]
    reader = asyncio.create_task(read(client, after=cursor, wait=60))
    await until(lambda: len(app.state.tail._waiters) == 2)
    event_id = str(await publish())
    assert ids(await reader) == [event_id]
    assert (await dreamer)["data"] == []


async def test_it_outlives_the_databases_absence(
    app: FastAPI, client: AsyncClient, engine: AsyncEngine, publish: Publish
) -> None:
    async with waiting(app, client) as (reader,):
        async with transaction(engine) as connection:
            await connection.execute(_HANG_UP)
        await asyncio.sleep(0.2)
        await engine.dispose()
        event_id = str(await publish())
        assert ids(await reader) == [event_id]


async def test_there_is_a_limit(serve: Serve) -> None:
    served = await serve(feed_listeners=1)
    reader = asyncio.create_task(read(served.client, wait=60))
    await served.waiting(1)
    refused = await served.client.get("/v1/events", params={"wait": 1})
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert await read(served.client) == {"data": [], "next_cursor": ANY}
    reader.cancel()
    await served.waiting(0)
    assert (await read(served.client, wait=1))["data"] == []


async def test_whoever_leaves_is_not_waited_for(serve: Serve) -> None:
    served = await serve()
    reader = asyncio.create_task(read(served.client, wait=60))
    await served.waiting(1)
    reader.cancel()
    await served.waiting(0)


async def test_when_the_service_stops_those_who_wait_are_answered(serve: Serve, publish: Publish) -> None:
    await publish()
    served = await serve()
    cursor = (await read(served.client))["next_cursor"]
    readers = [asyncio.create_task(read(served.client, after=cursor, wait=60)) for _ in range(20)]
    await served.waiting(20)
    began = time.monotonic()
    await served.stop()
    assert time.monotonic() - began < 2
    assert [await reader for reader in readers] == [{"data": [], "next_cursor": cursor}] * 20


@pytest.mark.parametrize("wait", [-1, 61, "a while"])
async def test_a_wrong_wait_is_refused(client: AsyncClient, wait: object) -> None:
    answer = await client.get("/v1/events", params={"wait": wait})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?wait"
