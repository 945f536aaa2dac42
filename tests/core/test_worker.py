from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import fetch, transaction
from service.core.worker import Task, Worker
from service.settings import Settings


@asynccontextmanager
async def running(engine: AsyncEngine, settings: Settings, *tasks: Task) -> Any:
    worker = Worker(engine, settings, tasks)
    run = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(run, 10)


async def until(true: Callable[[], Any], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


async def beats(engine: AsyncEngine) -> list[Any]:
    async with transaction(engine) as connection:
        return [row["worker_id"] for row in await fetch(connection, text("SELECT worker_id FROM heartbeats"))]


async def test_it_beats_and_leaves_no_trace(engine: AsyncEngine, settings: Settings) -> None:
    async def beating() -> bool:
        return [str(one) for one in await beats(engine)] == [str(worker.id)]

    async with running(engine, settings) as worker:
        await until(beating)
    assert await beats(engine) == []


async def test_what_did_something_runs_again_at_once(engine: AsyncEngine, settings: Settings) -> None:
    left = 50

    async def work() -> int:
        nonlocal left
        left -= bool(left)
        return left

    async with running(engine, settings, Task("work", work, every=60)):
        await until(lambda: left == 0)


async def test_what_found_nothing_waits(engine: AsyncEngine, settings: Settings) -> None:
    runs = 0

    async def work() -> int:
        nonlocal runs
        runs += 1
        return 0

    async with running(engine, settings, Task("work", work, every=0.2)):
        await asyncio.sleep(0.5)
    assert 1 <= runs <= 4


async def test_a_failing_task_is_tried_again_and_harms_no_other(
    engine: AsyncEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.core.worker._FIRST_PAUSE", 0.01)
    tries, runs = 0, 0

    async def fail() -> int:
        nonlocal tries
        tries += 1
        raise ConnectionRefusedError if tries % 2 else RuntimeError("a bug")

    async def work() -> int:
        nonlocal runs
        runs += 1
        return 0

    async with running(engine, settings, Task("fail", fail, every=60), Task("work", work, every=0.01)):
        await until(lambda: tries >= 4 and runs >= 10)


async def test_a_stop_lets_the_work_in_hand_finish(engine: AsyncEngine, settings: Settings) -> None:
    started, finished = asyncio.Event(), False

    async def work() -> int:
        nonlocal finished
        started.set()
        await asyncio.sleep(0.3)
        finished = True
        return 1

    async with running(engine, settings, Task("work", work, every=60)) as worker:
        await started.wait()
        worker.stop()
    assert finished


async def test_what_takes_too_long_is_given_up(engine: AsyncEngine, settings: Settings) -> None:
    impatient = settings.model_copy(update={"shutdown_seconds": 0.1})
    started = asyncio.Event()

    async def work() -> int:
        started.set()
        await asyncio.sleep(3600)
        return 1

    async with running(engine, impatient, Task("work", work, every=60)):
        await started.wait()


async def test_sigterm_stops_it(engine: AsyncEngine, settings: Settings) -> None:
    started = asyncio.Event()

    async def work() -> int:
        started.set()
        return 0

    run = asyncio.create_task(Worker(engine, settings, [Task("work", work, every=60)]).run())
    await started.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(run, 5)


async def test_lanes_run_at_the_same_time(engine: AsyncEngine, settings: Settings) -> None:
    inside = most = 0

    async def work() -> int:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.05)
        inside -= 1
        return 0

    async with running(engine, settings, Task("work", work, every=60, lanes=3)):
        await until(lambda: most == 3)


async def test_lanes_with_nothing_to_do_look_in_turns(
    engine: AsyncEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = pausing = most = 0

    async def look() -> int:
        nonlocal looked
        looked += 1
        return 0

    async def pause(self: Worker, seconds: float) -> None:
        nonlocal pausing, most
        if seconds == 7:
            pausing += 1
            most = max(most, pausing)
            await asyncio.sleep(0.001)
            pausing -= 1
        else:
            await wait(self, seconds)

    wait = Worker._wait
    monkeypatch.setattr(Worker, "_wait", pause)
    async with running(engine, settings, Task("look", look, every=7, lanes=3)):
        await until(lambda: looked > 20)
    assert most == 1


async def test_what_does_not_end_by_itself_is_asked_to(engine: AsyncEngine, settings: Settings) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def work() -> int:
        await asked.wait()
        ended.set()
        return 0

    async with running(engine, settings, Task("work", work, every=60, stop=asked.set)):
        await asyncio.sleep(0.05)
        assert not ended.is_set()
    assert ended.is_set()
