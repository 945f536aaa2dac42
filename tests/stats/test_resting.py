"""While very many deliveries come in, questions that read rows are read with rests, and find what they find without."""

from __future__ import annotations

import asyncio
import time
from itertools import groupby
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import event, func, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock, rush
from service.core.database import transaction
from service.core.rush import RUSH, Rush
from service.stats.store import resting as store
from service.stats.store.ledger import journeys, leads
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
    "attribution?group_by=tag,country",
    "forecast",
    "forecast?group_by=country",
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
    for busy in (False, True):
        monkeypatch.setattr(RUSH, "_seen", time.monotonic() + 3_600 if busy else -10.0)
        monkeypatch.setattr(RUSH, "_is_heavy", busy)
        answer = await client.get(f"/v1/stats/{question}")
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
        assert set(ran) == {busy}, ran
        ran.clear()
    assert answers[0] == answers[1]


def test_many_deliveries_are_told_from_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, worked, told = 0.0, 0.0, Rush()
    monkeypatch.setattr(rush.time, "monotonic", lambda: 1_000 + passed)
    monkeypatch.setattr(rush.time, "thread_time", lambda: worked)
    seen = []
    # Three seconds of a few deliveries beside much else, of many that cost little, of many that keep the loop busy, then nothing for five, then one.
    few, cheap, many = [(0.1, 0.05, 1)] * 30, [(0.1, 0.005, 50)] * 30, [(0.1, 0.05, 50)] * 30
    for pause, work, deliveries in [*few, *cheap, *many, (5.0, 3.0, 1), (0.1, 0.001, 1)]:
        passed, worked = passed + pause, worked + work
        told.note(deliveries)
        seen.append(told.is_heavy)
    assert not any(seen[:60])
    assert all(seen[70:90])
    assert seen[90:] == [False, False]
    for _ in range(12):
        passed, worked = passed + 0.1, worked + 0.05
        told.note(50)
    assert told.is_heavy
    passed += 3
    assert not told.is_heavy
    assert not told.is_on


async def test_it_rests_for_so_many_rows_and_not_for_ever(
    engine: AsyncEngine, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        assert (await client.post("/v1/leads", json={"email": f"a{number}@example.com"})).status_code == 201

    async def share(rows: float, places: int) -> float:
        async with transaction(engine) as connection:
            known = text("UPDATE pg_class SET reltuples = :rows WHERE oid = 'journeys'::regclass")
            await connection.execute(known, {"rows": rows})
            return float((await connection.execute(select(store.share_of(journeys, places)))).scalar_one())

    assert [await share(rows, 1) for rows in (-1, 0, 1e6)] == [0.003] * 3
    assert await share(1e7, 1) == pytest.approx(0.0012)
    assert await share(1e7, 6) == pytest.approx(0.0002)
    both = select(journeys.c.channel).join(leads, leads.c.id == journeys.c.lead_id)
    few = select(journeys.c.lead_id).where(journeys.c.number > 1)
    assert [store.places_in(one) for one in (few, both, both.where(journeys.c.lead_id.in_(few)))] == [1, 2, 3]
    assert store.places_in(union_all(few, both)) == 3
    monkeypatch.setattr(store, "_SHARE", 1.0)
    await share(30, 1)
    async with transaction(engine) as connection:
        began = time.perf_counter()
        found = await connection.execute(store.resting(select(func.count()).select_from(journeys)))
        assert found.scalar_one() == 30
        assert time.perf_counter() - began >= 0.03


async def test_an_answer_is_worked_out_before_the_next_begins(
    client: AsyncClient, engine: AsyncEngine, world: Any
) -> None:
    """Each of these takes several statements over journeys."""
    ran: list[int] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "journeys" in statement:
            ran.append(id(connection))

    answers = await asyncio.gather(*(client.get("/v1/stats/velocity?group_by=channel") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len(ran) > len(set(ran)) == len(list(groupby(ran))) == 3


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
