"""While very many deliveries come in, questions that read rows are read with rests, and find what they find without."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock, rush
from service.core.rush import RUSH, Rush
from service.stats.store.rows import one_turn, read_rows

OF_ROWS = [
    "funnel?group_by=country",
    "funnel?group_by=tag,channel&unit=lead",
    "funnel?group_by=score_band&as_of=entry",
    "funnel?group_by=channel&window=P30D&skips=strict",
    "funnel?known_at=2026-01-01&group_by=country",
    "funnel?mode=period&group_by=country",
    "funnel?horizon=P90D&group_by=channel",
    "trend?interval=month&group_by=country",
    "flow?group_by=industry",
    "flow?group_by=channel&distinct=true",
    "occupancy?group_by=country&interval=month&from=2025-01-01&to=2025-07-01",
    "velocity?group_by=channel",
    "velocity?known_at=2026-01-01",
    "cohorts",
    "attribution",
    "attribution?by=campaign&country=DE",
    "forecast",
    "channels?group_by=industry",
    "kpis?group_by=country&from=2025-01-01&to=2025-07-01",
    "bottlenecks?group_by=country",
    "profile",
]


@pytest.mark.parametrize("question", OF_ROWS)
async def test_with_rests_the_same_is_found(
    client: AsyncClient, engine: AsyncEngine, world: Any, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    now, ran = clock.now(), []
    monkeypatch.setattr(clock, "now", lambda: now)

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "journeys" in statement or "transitions" in statement:
            ran.append("pg_sleep" in statement)

    answers = []
    for busy in (0.0, 1.0):
        monkeypatch.setattr(RUSH, "_seen", time.monotonic() if busy else -10.0)
        monkeypatch.setattr(RUSH, "_busy", busy)
        answer = await client.get(f"/v1/stats/{question}")
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
        assert set(ran) == {busy > 0}, ran
        ran.clear()
    assert answers[0] == answers[1]


def test_many_deliveries_are_told_from_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, worked, told = 0.0, 0.0, Rush()
    monkeypatch.setattr(rush.time, "monotonic", lambda: 1_000 + passed)
    monkeypatch.setattr(rush.time, "thread_time", lambda: worked)
    seen = []
    # Three seconds of one delivery every tenth, then of some that keep the loop busy for half of the time, then nothing for five, then one.
    for pause, work in [(0.1, 0.001)] * 30 + [(0.1, 0.05)] * 30 + [(5.0, 3.0), (0.1, 0.001)]:
        passed, worked = passed + pause, worked + work
        told.note()
        seen.append(told.is_heavy)
    assert not any(seen[:30])
    assert all(seen[40:60])
    assert seen[60:] == [False, False]
    for _ in range(10):
        passed, worked = passed + 0.1, worked + 0.05
        told.note()
    assert told.is_heavy
    passed += 3
    assert not told.is_heavy
    assert not told.is_on


async def test_a_turn_lasts_until_the_answer_is_worked_out(engine: AsyncEngine) -> None:
    one, order = text("SELECT 1"), []

    async def answer(name: str, entered: asyncio.Event, proceed: asyncio.Event) -> None:
        async with engine.connect() as connection:
            with one_turn():
                await read_rows(connection, one, {})
                entered.set()
                await proceed.wait()
                await read_rows(connection, one, {})
                order.append(name)

    events = [asyncio.Event() for _ in range(4)]
    first = asyncio.ensure_future(answer("first", events[0], events[1]))
    await asyncio.wait_for(events[0].wait(), 5)
    second = asyncio.ensure_future(answer("second", events[2], events[3]))
    events[3].set()
    await asyncio.sleep(0.2)
    assert not events[2].is_set()
    events[1].set()
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert order == ["first", "second"]
