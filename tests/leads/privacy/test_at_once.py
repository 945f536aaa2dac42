"""Erasing, blocking and coming in, all at once: in whatever order it happens, it is whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import faults_in
from tests.leads.privacy.scanning import traces
from tests.leads.privacy.test_erasure_everywhere import deliver, make_channel

EMAIL = "zoe@quillfeather.example"


async def test_erased_while_they_come_in(
    client: AsyncClient, engine: AsyncEngine, database_url: str, worker: Callable
) -> None:
    form = await make_channel(client, "form")

    async def create(number: int) -> int:
        body = {"email": EMAIL, "phone": f"+493090182{number % 3}", "consent": {"news": True}}
        return (await client.post("/v1/leads", json=body)).status_code

    async def erase() -> int:
        return (await client.post("/v1/erasures", json={"email": EMAIL})).status_code

    for number in range(4):
        await deliver(client, form, json.dumps({"email": EMAIL, "number": number}))
    told = await asyncio.gather(*(create(number) for number in range(12)), *(erase() for _ in range(4)), worker())
    # 503 asks to try again: the lead was erased between the look at it and its lock.
    assert {status for status in told if status} <= {200, 201, 503}
    await worker()
    assert await faults_in(database_url) == []
    while found := (await client.get("/v1/leads")).json()["data"]:
        assert (await client.post(f"/v1/leads/{found[0]['id']}/erasure")).status_code == 200
    assert (await client.post("/v1/erasures", json={"email": EMAIL})).status_code == 200
    assert await traces(engine, ["quillfeather"]) == {}
    assert await faults_in(database_url) == []


async def test_blocked_while_they_come_in(client: AsyncClient, database_url: str) -> None:
    async def create() -> int:
        return (await client.post("/v1/leads", json={"email": EMAIL})).status_code

    async def block() -> int:
        return (await client.post("/v1/suppressions", json={"email": EMAIL, "reason": "blocked"})).status_code

    told = await asyncio.gather(
        *(create() for _ in range(10)), *(block() for _ in range(4)), *(create() for _ in range(6))
    )
    assert set(told) <= {200, 201, 409, 503}
    assert await create() == 409
    assert await faults_in(database_url) == []
