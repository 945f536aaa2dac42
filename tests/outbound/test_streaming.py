"""The feed as server-sent events, read by a public client library."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import create_engine, transaction
from service.core.http import auth
from service.core.http.problems import DatabaseAway
from service.core.ids import new_id
from service.core.keys import create_key, revoke_key
from service.outbound import streaming
from service.outbound.feed import Part
from service.settings import Settings
from tests.outbound.serving import Serve, Served, until
from tests.outbound.writing import ROUNDS, WRITERS, WriteEvent, write_much

Publish = Callable[..., Awaitable[UUID]]
ADDRESS = "/v1/events/stream"


class Listener:
    """A client that comes back with ``Last-Event-ID`` whenever it was cut off, and remembers what it was told."""

    def __init__(self, served: Served, **query: object) -> None:
        self._served = served
        self._query = query
        self.last_id = ""
        self.seen: list[ServerSentEvent] = []
        self.connected = asyncio.Event()

    @property
    def ids(self) -> list[str]:
        return [sse.id for sse in self.seen]

    async def listen(self, *, most: int | None = None) -> None:
        """Listen until the stream ends, or to so many events."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        async with aconnect_sse(self._served.client, "GET", ADDRESS, params=self._query, headers=headers) as source:
            source.response.raise_for_status()
            heard = 0
            async for sse in source.aiter_sse():
                self.last_id = sse.id
                self.connected.set()
                if sse.data:
                    self.seen.append(sse)
                    heard += 1
                if heard == most:
                    return

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.listen())
        await asyncio.wait({task, asyncio.ensure_future(self.connected.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def hears(self, *ids: UUID) -> None:
        await until(lambda: len(self.seen) >= len(ids))
        assert self.ids == [str(event_id) for event_id in ids]


async def test_it_works(serve: Serve, publish: Publish) -> None:
    served = await serve()
    await publish()
    listener = Listener(served)
    async with listener.listening():
        event_id = await publish(type="lead.updated", data={"lead": {"full_name": "Zoë\nSmith"}, "changed": []})
        await listener.hears(event_id)
    (sse,) = listener.seen
    assert sse.event == "lead.updated"
    assert json.loads(sse.data) == (await served.client.get(f"/v1/events/{event_id}")).json()


async def test_how_it_is_answered(serve: Serve) -> None:
    served = await serve()
    async with served.client.stream("GET", ADDRESS) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "content-length" not in answer.headers
        head = await anext(answer.aiter_text())
    lines = head.split("\n")
    assert [line.partition(":")[0] for line in lines] == ["id", "retry", "", ""]


@pytest.mark.parametrize("how", ["after an event", "after a cursor", "the last one that was seen"])
async def test_it_goes_on_from_a_place(serve: Serve, publish: Publish, how: str) -> None:
    served = await serve()
    first = await publish()
    cursor = (await served.client.get("/v1/events")).json()["next_cursor"]
    second = await publish()
    after = {"after an event": first, "after a cursor": cursor, "the last one that was seen": "nonsense"}[how]
    listener = Listener(served, after=after)
    listener.last_id = str(first) if after == "nonsense" else ""
    async with listener.listening():
        await listener.hears(second)
        third = await publish()
        await listener.hears(second, third)


async def test_a_lot_is_told_in_order(
    serve: Serve, publish: Publish, engine: AsyncEngine, write_event: WriteEvent
) -> None:
    first = await publish()
    async with transaction(engine) as connection:
        written = [await write_event(connection, sequence=number) for number in range(2, 500)]
    listener = Listener(await serve(), after=first)
    async with listener.listening():
        await listener.hears(*written)


async def test_only_what_is_wanted_is_told(serve: Serve, publish: Publish) -> None:
    served, lead_id = await serve(), new_id()
    typed, of_one_lead = Listener(served, type=["lead.merged", "lead.erased"]), Listener(served, lead_id=str(lead_id))
    async with typed.listening(), of_one_lead.listening():
        await publish()
        merged = await publish(type="lead.merged", lead_id=lead_id)
        updated = await publish(type="lead.updated", lead_id=lead_id)
        erased = await publish(type="lead.erased")
        await typed.hears(merged, erased)
        await of_one_lead.hears(merged, updated)


async def test_whoever_is_cut_off_before_the_first_event_misses_nothing(serve: Serve, publish: Publish) -> None:
    listener = Listener(await serve())
    async with listener.listening():
        pass
    event_id = await publish()
    async with listener.listening():
        await listener.hears(event_id)


async def test_nothing_is_missed_or_told_twice_while_many_write(
    settings: Settings, serve: Serve, counters: list[UUID], write_event: WriteEvent
) -> None:
    """Readers that hang up whenever they like and come back with ``Last-Event-ID``; one that wants a single lead's events."""
    assert settings.database_url is not None
    served = await serve()
    sessions = create_engine(settings.database_url, pool_size=WRITERS)
    chance = random.Random(20261122)
    listeners = [Listener(served), Listener(served), Listener(served, lead_id=str(counters[0]))]

    async def follow(listener: Listener) -> None:
        while True:
            await listener.listen(most=chance.choice([1, 5, 40]))

    following = [asyncio.create_task(follow(listener)) for listener in listeners]
    await asyncio.gather(*(listener.connected.wait() for listener in listeners))
    written = {str(event_id) for event_id in await write_much(sessions, counters, write_event, chance=chance)}
    await until(lambda: any(task.done() for task in following) or len(listeners[0].seen) >= len(written))
    await asyncio.sleep(0.5)
    await sessions.dispose()
    for task in following:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)

    assert len(written) > WRITERS * ROUNDS
    for listener in listeners:
        assert len(listener.ids) == len(set(listener.ids)), "an event was told twice"
    for listener in listeners[:2]:
        assert set(listener.ids) == written, "an event was missed"
    for listener in listeners:
        events = [json.loads(sse.data) for sse in listener.seen]
        for lead_id in counters:
            versions = [event["sequence"] for event in events if event["lead_id"] == str(lead_id)]
            assert versions == list(range(1, len(versions) + 1)), "a lead's events are out of order"
    assert {event["lead_id"] for event in map(json.loads, (sse.data for sse in listeners[2].seen))} == {
        str(counters[0])
    }
    assert len(listeners[2].seen) == len([sse for sse in listeners[0].seen if str(counters[0]) in sse.data])


async def test_a_slow_reader_slows_nobody_else(serve: Serve, engine: AsyncEngine, write_event: WriteEvent) -> None:
    served = await serve()
    quick, slow = Listener(served), served.client.stream("GET", ADDRESS)
    data = {"lead": {"attributes": {"notes": "x" * 10_000}}}
    async with slow, quick.listening():
        await served.waiting(2)
        for _ in range(10):
            async with transaction(engine) as connection:
                for _ in range(100):
                    await write_event(connection, data=data)
        await until(lambda: len(quick.seen) == 1000)
        # The slow one has taken little of its ten megabytes, and nothing of it waits in this process.
        assert len(served.app.state.tail._waiters) == 1
        # Nor does it hold up a stop.
        await asyncio.wait_for(served.app.state.tail.stop(), 1)
        await until(lambda: served.app.state.tail._taken == 0)


async def test_it_says_that_it_is_alive(serve: Serve, monkeypatch: pytest.MonkeyPatch, publish: Publish) -> None:
    monkeypatch.setattr(streaming, "KEEP_ALIVE", 0.1)
    served = await serve()
    async with served.client.stream("GET", ADDRESS) as answer:
        pieces = answer.aiter_text()
        await anext(pieces)
        assert await anext(pieces) == ": keep-alive\n\n"
        assert await anext(pieces) == ": keep-alive\n\n"


async def test_what_was_looked_through_in_vain_is_not_looked_through_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, publish: Publish
) -> None:
    monkeypatch.setattr(streaming, "KEEP_ALIVE", 0.3)
    listener = Listener(await serve(), type="lead.merged")
    async with listener.listening():
        began_at = listener.last_id
        await publish()
        await until(lambda: listener.last_id != began_at)
    merged = await publish(type="lead.merged")
    async with listener.listening():
        await listener.hears(merged)


async def test_a_stream_has_an_end(serve: Serve, monkeypatch: pytest.MonkeyPatch, publish: Publish) -> None:
    monkeypatch.setattr(streaming, "LIFE", 0.3)
    listener = Listener(await serve())
    async with listener.listening() as stream:
        first = await publish()
        await stream
    second = await publish()
    async with listener.listening() as stream:
        await stream
    assert listener.ids == [str(first), str(second)]


async def test_a_key_that_is_revoked_ends_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, engine: AsyncEngine
) -> None:
    monkeypatch.setattr(streaming, "KEEP_ALIVE", 0.1)
    monkeypatch.setattr(auth, "_TRUSTED_SECONDS", 0.0)
    served = await serve()
    async with transaction(engine) as connection:
        row, token = await create_key(connection, "listener", ("leads:read",))
    served.client.headers["Authorization"] = f"Bearer {token}"
    listener = Listener(served)
    async with listener.listening() as stream:
        await asyncio.sleep(0.3)
        assert not stream.done()
        async with transaction(engine) as connection:
            await revoke_key(connection, row["prefix"])
        await asyncio.wait_for(stream, 5)
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            await listener.listen()


async def test_it_outlives_the_databases_absence(
    serve: Serve, engine: AsyncEngine, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_OUTAGE_PAUSE", 0.05)
    served = await serve()
    listener, tail = Listener(served), served.app.state.tail
    read, failures = tail.read, iter([OSError("gone"), OSError("still gone")])

    async def away(*given: Any, **options: Any) -> Part:
        if (failure := next(failures, None)) is not None:
            raise DatabaseAway(2) from failure
        return await read(*given, **options)

    monkeypatch.setattr(tail, "read", away)
    async with listener.listening():
        event_id = await publish()
        await listener.hears(event_id)
    assert next(failures, None) is None


async def test_when_the_service_stops_the_streams_end(serve: Serve, publish: Publish) -> None:
    served = await serve()
    listeners = [Listener(served) for _ in range(20)]
    streams = [asyncio.create_task(listener.listen()) for listener in listeners]
    await served.waiting(20)
    began = time.monotonic()
    await served.stop()
    assert time.monotonic() - began < 2
    await asyncio.gather(*streams)


async def test_whoever_leaves_is_forgotten(serve: Serve) -> None:
    served = await serve()
    async with Listener(served).listening():
        await served.waiting(1)
    await served.waiting(0)
    await until(lambda: served.app.state.tail._taken == 0)


async def test_there_is_a_limit(serve: Serve) -> None:
    served = await serve(feed_listeners=1)
    async with Listener(served).listening():
        refused = await served.client.get(ADDRESS)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["Retry-After"] == "5"
        page = (await served.client.get("/metrics")).text
        assert 'feed_listeners{kind="stream"} 1.0' in page
    await until(lambda: served.app.state.tail._taken == 0)
    async with Listener(served).listening():
        pass


async def test_no_connection_is_held(serve: Serve, engine: AsyncEngine) -> None:
    served = await serve()
    async with Listener(served).listening(), Listener(served).listening():
        await served.waiting(2)
        for _ in range(20):
            assert engine.pool.checkedout() <= 1
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("query", "headers", "pointer"),
    [
        ({"after": "nonsense"}, {}, "?after"),
        ({"after": str(new_id())}, {}, "?after"),
        ({}, {"Last-Event-ID": "nonsense"}, "header:Last-Event-ID"),
        ({}, {"Last-Event-ID": "x" * 5000}, "header:Last-Event-Id"),
        ({"type": "lead.exploded"}, {}, "?type"),
        ({"limit": "5"}, {}, "?limit"),
    ],
)
async def test_a_wrong_question_is_refused(
    client: httpx.AsyncClient, query: dict[str, str], headers: dict[str, str], pointer: str
) -> None:
    answer = await client.get(ADDRESS, params=query, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].lower() == pointer.lower()


async def test_the_scope_is_needed(client: httpx.AsyncClient, key: Callable[..., Awaitable[str]]) -> None:
    headers: dict[str, Any] = {"Authorization": f"Bearer {await key('stats:read')}"}
    assert (await client.get(ADDRESS, headers=headers)).status_code == 403
