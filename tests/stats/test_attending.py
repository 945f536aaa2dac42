"""Large questions keep out of the way: given up with their client, one after the other, and not too many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import fetch, transaction
from service.core.rush import RUSH
from service.stats.store.rows import read_rows

_BUSY = text(
    "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%string_agg%' AND pid <> pg_backend_pid()"
)


async def _busy(engine: AsyncEngine) -> int:
    async with transaction(engine) as connection:
        return (await fetch(connection, _BUSY))[0]["n"]


async def _until(engine: AsyncEngine, wanted: int) -> None:
    for _ in range(200):
        if await _busy(engine) == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"there are not {wanted} large questions in the database")


async def _hold(connection: AsyncConnection) -> None:
    await connection.execute(text("LOCK TABLE journeys IN ACCESS EXCLUSIVE MODE"))


async def test_what_nobody_waits_for_is_given_up(
    app: FastAPI, engine: AsyncEngine, client: AsyncClient, key: Callable[..., Awaitable[str]]
) -> None:
    gone, sent = asyncio.Event(), []
    token = await key("stats:read")

    async def receive() -> dict[str, object]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/v1/stats/velocity",
        "raw_path": b"/v1/stats/velocity", "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("leads.test", 80),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }  # fmt: skip
    async with transaction(engine) as connection:
        await _hold(connection)
        asked = asyncio.ensure_future(app(scope, receive, send))
        await _until(engine, 1)
        gone.set()
        await asyncio.wait_for(asked, 5)
        await _until(engine, 0)
    assert sent[0]["status"] == 499
    assert (await client.get("/v1/stats/velocity")).status_code == 200


async def test_large_questions_wait_for_each_other_and_keep_nobody_else(
    engine: AsyncEngine, client: AsyncClient
) -> None:
    async with transaction(engine) as connection:
        await _hold(connection)
        asked = [asyncio.ensure_future(client.get("/v1/stats/velocity")) for _ in range(10)]
        await _until(engine, 1)
        refused = [await one for one in (await asyncio.wait(asked, timeout=5, return_when=asyncio.FIRST_COMPLETED))[0]]
        assert {answer.status_code for answer in refused} == {503}
        assert refused[0].headers["Retry-After"] == "1"
        # Counters are not kept waiting, nor is anything else.
        assert (await asyncio.wait_for(client.get("/v1/stats/funnel"), 5)).status_code == 200
        assert await _busy(engine) == 1
    statuses = sorted([(await one).status_code for one in asked])
    assert statuses == [200] * 7 + [503] * 3


async def test_while_deliveries_come_in_a_large_question_keeps_to_one_core(
    engine: AsyncEngine, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def allowed() -> str:
        async with engine.connect() as connection:
            found = await read_rows(connection, text("SELECT current_setting('max_parallel_workers_per_gather')"), {})
            return str(found.scalar_one())

    monkeypatch.setattr(RUSH, "_seen", -10.0)
    alone = await allowed()
    assert int(alone) > 0
    await client.post("/v1/channels", json={"key": "form", "vendor": "generic", "secret": "correct-horse"})
    headers = {"x-channel-secret": "correct-horse"}
    sent = await client.post("/v1/intake/form", json={"email": "ada@example.com"}, headers=headers)
    assert sent.status_code == 202
    assert await allowed() == "0"
    monkeypatch.setattr(RUSH, "_seen", -10.0)
    assert await allowed() == alone


async def test_whoever_waits_for_its_turn_is_not_taken_for_one_that_hangs(engine: AsyncEngine) -> None:
    patience = text("SELECT current_setting('idle_in_transaction_session_timeout')")
    slow = text("SELECT pg_sleep(0.5)")
    async with engine.connect() as one, engine.connect() as other:
        first = asyncio.ensure_future(read_rows(one, slow, {}))
        await asyncio.sleep(0.1)
        assert (await read_rows(other, patience, {})).scalar_one() == "15min"
        await first
        assert (await read_rows(one, patience, {})).scalar_one() == "1min"
