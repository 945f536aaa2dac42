"""The group committer: durable when it says so, quick to say no, and back without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import fetch, transaction
from service.core.ids import bucket_of_text, new_id_text
from service.intake.committer import Committer, IntakeUnavailable, Row
from service.intake.store import ARRIVAL_COLUMNS


def row(identifier: str | None = None, *, query: str = "") -> Row:
    one = identifier or new_id_text()
    return (one, bucket_of_text(one), "web", clock.now(), "POST", "{}", query, b"{}", "received")


@pytest.fixture
async def committer(engine: AsyncEngine) -> AsyncIterator[Committer]:
    one = Committer(engine, table="deliveries", columns=ARRIVAL_COLUMNS, limit=500)
    yield one
    await one.stop()


async def stored(engine: AsyncEngine) -> set[str]:
    async with transaction(engine) as connection:
        return {str(one["id"]) for one in await fetch(connection, text("SELECT id FROM deliveries"))}


async def backend_of(committer: Committer) -> int:
    return int(committer._driver.get_server_pid())


async def kill(url: str | None, pid: int) -> None:
    address = make_url(url or "")
    connection = await asyncpg.connect(host=address.query["host"], user=address.username, database=address.database)
    await connection.execute("SELECT pg_terminate_backend($1)", pid)
    await connection.close()


async def test_everything_written_is_there(committer: Committer, engine: AsyncEngine) -> None:
    rows = [row() for _ in range(400)]
    await asyncio.gather(*(committer.write(one) for one in rows))
    assert await stored(engine) == {one[0] for one in rows}


async def test_many_share_a_commit(committer: Committer, engine: AsyncEngine) -> None:
    await committer.write(row())
    async with transaction(engine) as connection:
        [before] = await fetch(
            connection, text("SELECT pg_current_wal_lsn() AS at, pg_current_xact_id()::text::bigint AS xid")
        )
    await asyncio.gather(*(committer.write(row()) for _ in range(200)))
    async with transaction(engine) as connection:
        [after] = await fetch(connection, text("SELECT pg_current_xact_id()::text::bigint AS xid"))
    assert after["xid"] - before["xid"] < 20


async def test_its_commits_are_synchronous_whatever_the_server_thinks(committer: Committer) -> None:
    await committer.write(row())
    assert await committer._driver.fetchval("SHOW synchronous_commit") == "on"


async def test_one_bad_row_fails_alone(committer: Committer, engine: AsyncEngine) -> None:
    rows = [row() for _ in range(10)]
    bad = row(query="nul \0 character")
    results = await asyncio.gather(
        *(committer.write(one) for one in (*rows[:5], bad, *rows[5:])), return_exceptions=True
    )
    assert isinstance(results[5], asyncpg.PostgresError)
    assert [one for index, one in enumerate(results) if index != 5] == [None] * 10
    assert await stored(engine) == {one[0] for one in rows}


async def test_a_lost_connection_is_not_noticed_by_anybody(
    committer: Committer, engine: AsyncEngine, database_url: str
) -> None:
    await committer.write(row())
    await kill(database_url, await backend_of(committer))
    await asyncio.gather(*(committer.write(row()) for _ in range(20)))
    assert len(await stored(engine)) == 21


async def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    committer: Committer, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await committer.write(row())
    copy = Committer._copy
    lost: list[int] = []

    async def loses_the_answer(self: Committer, rows: list[Row]) -> None:
        await copy(self, rows)
        if not lost:
            lost.append(len(rows))
            raise ConnectionResetError

    monkeypatch.setattr(Committer, "_copy", loses_the_answer)
    await asyncio.gather(*(committer.write(row()) for _ in range(10)))
    assert lost
    assert len(await stored(engine)) == 11


async def test_while_the_database_is_away_it_says_no_and_then_comes_back(
    committer: Committer, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await committer.write(row())
    away = True

    async def connect(self: Committer) -> None:
        if away:
            raise ConnectionRefusedError
        await connected(self)

    async def copy(self: Committer, rows: list[Row]) -> None:
        if away:
            raise ConnectionResetError
        await copied(self, rows)

    connected, copied = Committer._connect, Committer._copy
    monkeypatch.setattr(Committer, "_connect", connect)
    monkeypatch.setattr(Committer, "_copy", copy)
    monkeypatch.setattr("service.intake.committer._RETRY_SECONDS", 0.01)
    results = await asyncio.gather(*(committer.write(row()) for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in results} == {IntakeUnavailable}
    with pytest.raises(IntakeUnavailable):
        await asyncio.wait_for(committer.write(row()), 0.01)
    away = False
    for _ in range(100):
        await asyncio.sleep(0.01)
        if not committer._away:
            break
    await committer.write(row())
    assert len(await stored(engine)) == 2


async def test_more_than_may_wait_is_refused(engine: AsyncEngine) -> None:
    committer = Committer(engine, table="deliveries", columns=ARRIVAL_COLUMNS, limit=3)
    results: list[Any] = await asyncio.gather(*(committer.write(row()) for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in results] == [type(None)] * 3 + [IntakeUnavailable] * 2
    assert results[-1].headers == {"Retry-After": "2"}
    await committer.stop()


async def test_a_stop_writes_what_was_accepted(engine: AsyncEngine) -> None:
    committer = Committer(engine, table="deliveries", columns=ARRIVAL_COLUMNS, limit=500)
    waiting = [asyncio.create_task(committer.write(row())) for _ in range(50)]
    await asyncio.sleep(0)
    await committer.stop()
    await asyncio.gather(*waiting)
    assert len(await stored(engine)) == 50
    with pytest.raises(IntakeUnavailable):
        await committer.write(row())


async def test_one_who_gave_up_does_not_disturb_the_others(committer: Committer, engine: AsyncEngine) -> None:
    tasks = [asyncio.create_task(committer.write(row())) for _ in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for index, one in enumerate(results) if index != 3] == [type(None)] * 9
    assert len(await stored(engine)) >= 9
