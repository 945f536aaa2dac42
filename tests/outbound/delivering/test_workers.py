"""Several workers: each endpoint has one at a time, whoever it is; and whatever dies whenever, everything arrives in order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time as wall
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest
from sqlalchemy import text

from service.core.database import transaction
from service.core.ids import new_id

LEASE = 1.5


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 20) -> None:
    deadline = wall.monotonic() + seconds
    while not await condition():
        assert wall.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def started(*dispatchers) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(dispatcher.run()) for dispatcher in dispatchers]


async def stopped(dispatchers, tasks) -> None:
    for dispatcher in dispatchers:
        dispatcher.stop()
    await asyncio.gather(*tasks)


async def test_two_workers_share_the_endpoints(listen, add, dispatcher, publish, rows) -> None:
    listeners = [await listen() for _ in range(6)]
    for listener in listeners:
        await add(listener)
    first, second = dispatcher(lease=LEASE), dispatcher(lease=LEASE)
    tasks = await started(first)

    async def held() -> Counter[UUID]:
        return Counter(row["lease_owner"] for row in await rows("SELECT lease_owner FROM webhook_endpoints"))

    async def all_at_first() -> bool:
        return await held() == {first.id: 6}

    async def in_halves() -> bool:
        return await held() == {first.id: 3, second.id: 3}

    await until(all_at_first)
    tasks += await started(second)
    await until(in_halves)
    ids = [str(await publish()) for _ in range(20)]
    heard_all = lambda: all(len(listener.heard) >= 20 for listener in listeners)  # noqa: E731
    await until(lambda: asyncio.sleep(0, heard_all()))
    await stopped([second], tasks[1:])
    # Whoever stays takes over at once: what was given back need not run out.
    await until(all_at_first, seconds=LEASE)
    await stopped([first], tasks[:1])
    assert all(sorted(listener.ids) == sorted(ids) for listener in listeners)
    assert await held() == {None: 6}


async def test_who_lost_a_lease_writes_nothing(listen, add, dispatcher, publish, rows, engine) -> None:
    release = asyncio.Event()

    async def wait(_heard) -> int:
        await release.wait()
        return 200

    listener = await listen(wait)
    await add(listener)
    event_id = str(await publish())
    slow = dispatcher(lease=60)
    [task] = await started(slow)
    await until(lambda: asyncio.sleep(0, bool(listener.heard)))
    before = await rows("SELECT position, sequence, event_id FROM webhook_endpoints")
    other = new_id()
    async with transaction(engine) as connection:
        await connection.execute(
            text("UPDATE webhook_endpoints SET lease_owner = :other, lease_token = lease_token + 1"), {"other": other}
        )
    release.set()
    await asyncio.sleep(0.5)
    await stopped([slow], [task])
    assert await rows("SELECT 1 FROM webhook_attempts") == []
    assert await rows("SELECT position, sequence, event_id FROM webhook_endpoints") == before
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE webhook_endpoints SET lease_until = clock_timestamp()"))
    assert await dispatcher().settle() == 1
    assert listener.ids == [event_id] * 2


async def test_a_stop_lets_what_is_in_hand_arrive(listen, add, dispatcher, publish, rows) -> None:
    async def wait(_heard) -> int:
        await asyncio.sleep(0.3)
        return 200

    listener = await listen(wait)
    await add(listener, concurrency=1)
    for _ in range(5):
        await publish()
    worker = dispatcher()
    [task] = await started(worker)
    await until(lambda: asyncio.sleep(0, bool(listener.heard)))
    await stopped([worker], [task])
    assert len(await rows("SELECT 1 FROM webhook_attempts")) == len(listener.heard) < 5
    await dispatcher().settle()
    assert len(listener.ids) == len(set(listener.ids)) == 5


async def test_what_is_changed_is_heeded_while_it_runs(client, listen, add, dispatcher, publish) -> None:
    old, new = await listen(), await listen()
    endpoint = await add(old)
    worker = dispatcher()
    [task] = await started(worker)
    await publish()
    await until(lambda: asyncio.sleep(0, len(old.heard) == 1))
    await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"url": new.url})
    await asyncio.sleep(1)
    event_id = str(await publish())
    await until(lambda: asyncio.sleep(0, len(new.heard) == 1))
    await client.post(f"/v1/events/{event_id}/resend")
    await until(lambda: asyncio.sleep(0, len(new.heard) == 2))
    await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/replay", json={"since": "2026-01-01T00:00:00Z"})
    await until(lambda: asyncio.sleep(0, len(new.heard) == 4))
    await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"status": "disabled"})
    await asyncio.sleep(1)
    await publish()
    await asyncio.sleep(0.3)
    await stopped([worker], [task])
    assert (len(old.heard), len(new.heard)) == (1, 4)


async def test_it_outlives_the_databases_absence(
    listen, add, dispatcher, publish, engine, settings, server_url
) -> None:
    listener = await listen()
    await add(listener)
    worker = dispatcher()
    [task] = await started(worker)
    await publish()
    await until(lambda: asyncio.sleep(0, len(listener.heard) == 1))
    name = settings.database_url.split("/")[-1].split("?")[0]
    async with engine.connect() as connection:
        with suppress(Exception):
            await connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )
    await engine.dispose()
    event_id = str(await publish())
    await until(lambda: asyncio.sleep(0, event_id in listener.ids))
    await stopped([worker], [task])


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_workers_are_killed_again_and_again(
    listen, add, dispatcher, engine, write_event, settings, rows, time
) -> None:
    """Twenty kills while a thousand events are written: each arrives at least once, each lead's in order, and nothing is stuck."""
    chance = random.Random(11)
    listeners = [await listen() for _ in range(3)]
    for listener in listeners:
        await add(listener)
    listeners[2].answer = lambda _heard: 500 if chance.random() < 0.02 else 200
    leads, written = [new_id() for _ in range(25)], {}

    killed = asyncio.Event()

    async def write() -> None:
        number = 0
        while number < 200 or not killed.is_set():
            async with transaction(engine) as connection:
                for place in range(5):
                    which, sequence = (5 * number + place) % 25, number // 5 + 1
                    event_id = await write_event(connection, lead_id=leads[which], sequence=sequence)
                    written[str(event_id)] = (which, sequence)
            number += 1
            await asyncio.sleep(0.1)

    async def heard_more() -> bool:
        return sum(len(listener.heard) for listener in listeners) > heard

    writing = asyncio.create_task(write())
    async with workers(settings.database_url) as start:
        running = [await start(), await start()]
        for _ in range(20):
            heard = sum(len(listener.heard) for listener in listeners)
            await until(heard_more)
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            which = chance.randrange(2)
            os.kill(running[which], signal.SIGKILL)
            running[which] = await start()
        killed.set()
        await writing
        for pid in running:
            os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(LEASE)
    await settle(dispatcher, rows, time)
    assert await rows("SELECT 1 FROM webhook_queue") == []
    for listener in listeners:
        assert set(listener.ids) == set(written)
        check_order([written[event_id] for event_id in listener.ids])
    # Kills in the midst of it: what was not written down came again.
    assert sum(len(listener.ids) - len(set(listener.ids)) for listener in listeners[:2]) > 0


@asynccontextmanager
async def workers(database: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Yield what starts a process that delivers, and returns its pid."""
    command = [sys.executable, "-m", "tests.outbound.delivering.dispatching", database, str(LEASE)]
    mother = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    async def start() -> int:
        mother.stdin.write(b"start\n")
        return int(await mother.stdout.readline())

    yield start
    mother.kill()
    await mother.wait()


async def settle(dispatcher, rows, time) -> None:
    """Deliver until nothing waits; what failed is tried again by the schedule."""
    for _ in range(20):
        await dispatcher(lease=LEASE).settle()
        if not await rows("SELECT 1 FROM webhook_queue WHERE state = 'pending'"):
            break
        time.move(hours=1)


def check_order(heard: list[tuple[int, int]]) -> None:
    highest: dict[int, int] = defaultdict(int)
    for which, sequence in heard:
        assert sequence <= highest[which] + 1, "an event overtook another one of its lead"
        highest[which] = max(highest[which], sequence)
