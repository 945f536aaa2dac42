"""Alive, and ready or not, and why not."""

from __future__ import annotations

from datetime import timedelta

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import create_engine, transaction
from service.core.ids import new_id


async def beat(engine: AsyncEngine, ago: float) -> None:
    async with transaction(engine) as connection:
        await connection.execute(
            text("INSERT INTO heartbeats VALUES (:id, :at, :at)"),
            {"id": new_id(), "at": clock.now() - timedelta(seconds=ago)},
        )


async def test_it_works(stranger: AsyncClient, engine):
    await beat(engine, ago=100)
    await beat(engine, ago=1)
    response = await stranger.get("/readyz")

    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert set(response.json()["checks"].values()) == {"ok"}
    assert (await stranger.get("/healthz")).json() == {"status": "alive"}


async def test_a_worker_that_fell_silent_is_named(stranger: AsyncClient, engine):
    response = await stranger.get("/readyz")
    assert (response.status_code, response.json()["checks"]["worker"]) == (503, "never seen")

    await beat(engine, ago=31)
    response = await stranger.get("/readyz")
    assert (response.status_code, response.json()["checks"]["worker"]) == (503, "silent")
    assert response.headers["retry-after"]


async def test_a_schema_of_another_age_is_named(stranger: AsyncClient, engine):
    await beat(engine, ago=1)
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    assert (await stranger.get("/readyz")).json()["checks"]["migrations"] == "not current"

    async with transaction(engine) as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
    response = await stranger.get("/readyz")
    assert (response.status_code, response.json()["checks"]["migrations"]) == (503, "missing")


async def test_a_database_out_of_reach_is_named(stranger: AsyncClient, notes, tmp_path):
    notes.state.engine = create_engine(f"postgresql://nobody@/none?host={tmp_path}")
    response = await stranger.get("/readyz")

    assert (response.status_code, response.json()["checks"]["database"]) == (503, "unreachable")
    assert (await stranger.get("/healthz")).status_code == 200
