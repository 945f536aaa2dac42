"""One request is one transaction: true once it is answered, never before, and never by halves."""

from __future__ import annotations

import asyncio
from random import Random

import asyncpg
import pytest
from fastapi import APIRouter
from httpx import AsyncClient
from sqlalchemy import text

from service.core import outage
from service.core.database import create_engine, transaction
from service.core.errors import Conflict
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.core.ids import new_id
from tests.core.conftest import Knobs, caller

NOTE = {"text": "x"}


async def test_nothing_is_sent_before_the_commit(api: AsyncClient, notes, engine):
    """The answer is only begun when another session can see what was done."""
    seen = []

    async def watching(scope, receive, send):
        async def watch(message):
            if message["type"] == "http.response.start":
                async with transaction(engine) as connection:
                    seen.append((await connection.execute(text("SELECT count(*) FROM notes"))).scalar_one())
            await send(message)

        await notes(scope, receive, watch)

    async with caller(watching, dict(api.headers)) as client:
        assert (await client.post("/v1/notes", json=NOTE)).status_code == 201
    assert seen == [1]


async def test_a_commit_that_fails_is_not_answered_well(api: AsyncClient, engine, count):
    async with transaction(engine) as connection:
        await connection.execute(
            text("ALTER TABLE notes ADD CONSTRAINT late UNIQUE (text) DEFERRABLE INITIALLY DEFERRED")
        )
    assert (await api.post("/v1/notes", json=NOTE)).status_code == 201
    assert (await api.post("/v1/notes", json=NOTE)).status_code == 500
    assert await count() == 1


async def test_an_answer_that_cannot_be_rendered_undoes_what_was_done(notes, engine, count):
    router = APIRouter(route_class=ServiceRoute)

    @router.post("/unrenderable", response_model=int)
    async def unrenderable(connection: Connection) -> str:
        await connection.execute(text("INSERT INTO notes VALUES (gen_random_uuid(), 'x', 1)"))
        return "not a number"

    notes.include_router(router)
    async with caller(notes, {}) as client:
        assert (await client.post("/unrenderable")).status_code == 500
    assert (await count(), engine.pool.checkedout()) == (0, 0)


@pytest.mark.parametrize("error", [Conflict("no"), ZeroDivisionError()])
async def test_an_error_undoes_everything(api: AsyncClient, knobs: Knobs, engine, count, error):
    knobs.error = error
    assert (await api.post("/v1/notes", json=NOTE)).status_code in {409, 500}
    assert (await count(), engine.pool.checkedout()) == (0, 0)


async def test_a_caller_who_leaves_undoes_everything(api: AsyncClient, knobs: Knobs, engine, count):
    knobs.gate = asyncio.Event()
    tasks = [asyncio.create_task(api.post("/v1/notes", json=NOTE)) for _ in range(5)]
    await knobs.started.wait()
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert (await count(), engine.pool.checkedout()) == (0, 0)
    knobs.gate = None
    assert (await api.post("/v1/notes", json=NOTE)).status_code == 201


async def test_a_request_that_asks_nothing_of_the_database_takes_no_connection(api: AsyncClient, notes, tmp_path):
    await api.get("/v1/notes")
    notes.state.engine = create_engine(f"postgresql://nobody@/none?host={tmp_path}")

    assert (await api.post("/v1/anything", json={})).status_code == 200


async def test_a_request_that_does_both_reads_what_it_wrote(notes):
    router = APIRouter(route_class=ServiceRoute)

    @router.post("/both")
    async def both(connection: Connection, reader: ReadConnection) -> int:
        await connection.execute(text("INSERT INTO notes VALUES (gen_random_uuid(), 'x', 1)"))
        return (await reader.execute(text("SELECT count(*) FROM notes"))).scalar_one()

    notes.include_router(router)
    async with caller(notes, {}) as client:
        assert (await client.post("/both")).json() == 1


async def test_readers_leave_no_mark_on_the_pool(api: AsyncClient, engine):
    await api.get("/v1/notes")
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE mark (n int)"))
        await connection.rollback()
        assert (await connection.execute(text("SELECT to_regclass('mark')"))).scalar_one() is None


async def test_away_is_503_and_back_is_back(api: AsyncClient, notes, engine, tmp_path):
    away = create_engine(f"postgresql://nobody@/none?host={tmp_path}")
    assert (await api.get("/v1/notes")).status_code == 200
    notes.state.engine = away
    response = await api.get("/v1/notes")
    assert (response.status_code, response.json()["code"], response.headers["retry-after"]) == (503, "unavailable", "2")

    notes.state.engine = engine
    assert (await api.get("/v1/notes")).status_code == 200


async def test_connections_that_were_cut_are_503_and_then_replaced(api: AsyncClient, engine, count):
    assert (await api.post("/v1/notes", json=NOTE)).status_code == 201
    own = asyncpg.connect(host=engine.url.query["host"], user="postgres", database=engine.url.database)
    connection = await own
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    await connection.close()

    statuses = [(await api.post("/v1/notes", json=NOTE)).status_code for _ in range(3)]
    assert set(statuses) <= {503, 201}
    assert statuses[-1] == 201
    assert await count() == 1 + statuses.count(201)


async def test_a_lock_that_is_not_given_is_503(api: AsyncClient, notes, engine):
    address = (await api.post("/v1/notes", json=NOTE)).headers["location"]
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT * FROM notes FOR UPDATE"))
        notes.state.engine = impatient = create_engine(engine.url.render_as_string(hide_password=False))
        async with impatient.connect() as other:
            await other.execute(text("SET lock_timeout = '100ms'"))
            await other.commit()
        response = await api.patch(address, json=NOTE)
        await impatient.dispose()
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_a_pool_that_is_used_up_is_503(api: AsyncClient, notes, engine, knobs: Knobs):
    assert (await api.get("/v1/notes")).status_code == 200
    notes.state.engine = small = create_engine(engine.url.render_as_string(hide_password=False), pool_size=1)
    small.pool._timeout = 0.1
    knobs.gate = asyncio.Event()
    first = asyncio.create_task(api.post("/v1/notes", json=NOTE))
    await knobs.started.wait()
    assert (await api.get("/v1/notes")).status_code == 503
    knobs.gate.set()
    assert (await first).status_code == 201
    await small.dispose()


def test_what_is_no_outage():
    assert outage.retry_after(ValueError("closed")) is None
    assert outage.retry_after(asyncpg.InterfaceError("another operation is in progress")) is None
    assert outage.retry_after(asyncpg.UndefinedTableError("no such table")) is None


async def test_a_storm_of_callers_who_leave_costs_no_connection(api: AsyncClient, engine, count):
    """Each is cancelled at another moment: while it waits for a connection, runs a statement, commits, gives back."""
    dice = Random(7)
    assert (await api.post("/v1/notes", json=NOTE)).status_code == 201
    answered = 1
    for _ in range(8):
        tasks = [
            asyncio.create_task(
                api.post("/v1/notes", json=NOTE, headers={"Idempotency-Key": f"{new_id()}"} if odd % 2 else {})
            )
            for odd in range(25)
        ]
        for task in tasks:
            asyncio.get_running_loop().call_later(dice.random() * 0.15, task.cancel)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        answered += sum(not isinstance(one, BaseException) for one in done)
        assert all(isinstance(one, asyncio.CancelledError) or one.status_code == 201 for one in done)

    assert engine.pool.checkedout() == 0
    assert answered <= await count()
    assert (await api.post("/v1/notes", json=NOTE)).status_code == 201
