"""How a channel is doing: exact figures, from the database, whichever process counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.core.ids import first_id, new_id
from service.intake import figures_store
from service.intake.figures import Gauges
from service.intake.refusals import Refusals
from tests.intake.conftest import Deliver


async def figures(client: AsyncClient, key: str = "web", **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/v1/channels/{key}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["figures"]


async def metric(client: AsyncClient, name: str) -> float | None:
    lines = (await client.get("/metrics")).text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + " ")), None)


async def test_it_works(client: AsyncClient, deliver: Deliver, worker) -> None:
    nothing = await figures(client)
    assert nothing == {
        "since": nothing["since"], "received": 0, "accepted": 0, "refused": {}, "processed": 0, "duplicates": 0, "ignored": 0,
        "dead": 0, "pending": 0, "lag_seconds": 0.0, "last_received_at": None,
    }  # fmt: skip
    await deliver({"email": "ada@example.com"}, message="msg_1")
    await deliver({"email": "ada@example.com"}, message="msg_1")
    await deliver({"nothing": 1})
    assert (await deliver({"email": "x@example.com"}, at=1.0)).status_code == 401
    await client.post("/v1/intake/web", json={})
    before = await figures(client)
    assert before["received"] == 5
    assert before["accepted"] == before["pending"] == 3
    assert before["refused"] == {"stale": 1, "unsigned": 1}
    assert 0 < before["lag_seconds"] < 60
    await worker()
    after = await figures(client)
    assert [after[name] for name in ("accepted", "processed", "duplicates", "pending", "lag_seconds")] == [
        3,
        1,
        1,
        0,
        0.0,
    ]
    assert after["dead"] + after["ignored"] == 1
    assert after["last_received_at"] == before["last_received_at"]


async def test_processes_add_up(client: AsyncClient, engine: AsyncEngine, web: str) -> None:
    processes = [Refusals(engine) for _ in range(3)]
    for process in processes:
        for _ in range(10):
            process.count("web", "stale")
        await process.stop()
    assert (await figures(client))["refused"] == {"stale": 30}


async def test_what_cannot_be_written_is_kept(client: AsyncClient, engine: AsyncEngine, web: str) -> None:
    process = Refusals(engine)
    process.count("web", "stale")
    async with transaction(engine) as connection:
        await connection.execute(text("ALTER TABLE channel_refusals RENAME TO elsewhere"))
    await process._try()
    process.count("web", "stale")
    async with transaction(engine) as connection:
        await connection.execute(text("ALTER TABLE elsewhere RENAME TO channel_refusals"))
    await process.stop()
    assert (await figures(client))["refused"] == {"stale": 2}


async def test_nothing_is_counted_for_channels_that_do_not_exist(client: AsyncClient, app: FastAPI) -> None:
    await client.post("/v1/intake/nobody", json={})
    assert app.state.reception.refusals._counted == {}


async def test_figures_begin_with_a_day(client: AsyncClient, engine: AsyncEngine, web: str) -> None:
    now = clock.now()
    async with transaction(engine) as connection:
        for days in (0, 10, 100):
            at = now - timedelta(days=days)
            await store_delivery(connection, at=at)
            await connection.execute(
                text("INSERT INTO channel_refusals VALUES ('web', :day, 'stale', 7)"), {"day": at.date()}
            )
    recent = await figures(client)
    assert (recent["processed"], recent["refused"]) == (2, {"stale": 14})
    assert recent["since"][10:] == "T00:00:00Z"
    assert (await figures(client, since=now.isoformat()))["received"] == 8
    assert (await figures(client, since="1900-01-01T00:00:00Z"))["received"] == 24


async def test_metrics_tell_what_waits_and_what_is_dead(
    client: AsyncClient, app: FastAPI, engine: AsyncEngine, web: str
) -> None:
    now = clock.now()
    async with transaction(engine) as connection:
        await store_delivery(connection, at=now - timedelta(minutes=5), status="received")
        await store_delivery(connection, at=now - timedelta(minutes=9), status="pending_fetch")
        await store_delivery(connection, at=now - timedelta(minutes=20), status="dead")
    assert await metric(client, 'intake_pending{channel="web"}') == 2
    assert await metric(client, 'intake_dead{channel="web"}') == 1
    assert 540 <= (await metric(client, 'intake_lag_seconds{channel="web"}') or 0) < 600
    await client.delete("/v1/channels/web")
    refresh: Gauges = app.state.gauges[0].__self__
    refresh._due = 0.0
    assert await metric(client, 'intake_pending{channel="web"}') == 0


async def test_metrics_are_answered_without_a_database(client: AsyncClient, app: FastAPI, engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"))
        assert (await client.get("/metrics")).status_code == 200


async def test_counting_reads_no_rows(client: AsyncClient, engine: AsyncEngine, web: str) -> None:
    """Ten thousand deliveries: counted from the index, and what waits is not looked for among them."""
    async with transaction(engine) as connection:
        await connection.execute(
            text("""INSERT INTO deliveries (id, bucket, channel, received_at, method, headers, query, body, status)
            SELECT gen_random_uuid(), 0, 'web', now(), 'POST', '{}', '', repeat('x', 1000)::bytea, 'processed' FROM generate_series(1, 10000)""")
        )
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE deliveries"))
        # So few rows may be read as they lie; the question is whether the index has all that is needed.
        for method in ("seqscan", "bitmapscan"):
            await connection.execute(text(f"SET enable_{method} = off"))
        values = {"channel": "web", "first": first_id(clock.now())}
        plan = await connection.execute(text(f"EXPLAIN {figures_store._STORED}"), values)
        assert "Index Only Scan using ix_deliveries_channel" in "\n".join(row[0] for row in plan)


async def store_delivery(connection, *, at, status: str = "processed", channel: str = "web") -> None:
    delivery_id = str(first_id(at))[:18] + str(new_id())[18:]
    await connection.execute(
        text("""INSERT INTO deliveries (id, bucket, channel, received_at, method, headers, query, body, status, due_at)
        VALUES (:id, 0, :channel, :at, 'POST', '{}', '', 'x', :status, :at)"""),
        {"id": delivery_id, "channel": channel, "at": at, "status": status},
    )
