"""Every vendor's documented delivery through the front door and the real worker."""

from __future__ import annotations

import asyncio

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.channels.registry import ADAPTERS
from tests.channels.samples import SAMPLES
from tests.intake.vendors.door import (
    Work,
    deliveries,
    leads,
    make_channel,
    of_lead,
    paths_of,
    people_in,
    send,
)
from tests.intake.vendors.standin import Answer, stand_in

# A channel's own row and what opens the API are where secrets belong.
KEEPS_SECRETS = {"channels", "api_keys"}


@pytest.mark.parametrize("name", sorted(ADAPTERS))
async def test_the_same_delivery_twenty_times_in_parallel_makes_each_lead_once(
    name: str, client: AsyncClient, vendor: AsyncClient, worker: Work, engine: AsyncEngine
) -> None:
    one = SAMPLES[name]()
    async with stand_in() as api:
        for path, answer in paths_of(one).items():
            api.tell(path, Answer(answer))
        await make_channel(client, one, **({"base_url": api.address} if one.fetched else {}))
        answers = await asyncio.gather(*(send(vendor, one) for _ in range(20)), worker(), worker())
        await worker()
    assert len({(answer.status_code, answer.headers.get("content-type")) for answer in answers[:20] if answer}) == 1
    found = await deliveries(client)
    first = [one for one in found if one["status"] != "duplicate"]
    assert len(found) == 20
    assert [one["status"] for one in first] in (["processed"], ["ignored"]), first
    known = await leads(client)
    assert len(known) == people_in(one)
    for lead in known:
        assert len(await of_lead(client, lead, "touchpoints")) == 1
    assert await texts_of_all_tables(engine, {*one.channel.secrets, *one.secret_words}) == []


async def texts_of_all_tables(engine: AsyncEngine, words: set[str]) -> list[str]:
    """Return where any of the words is written down."""
    found = []
    async with engine.connect() as connection:
        tables = (
            await connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        ).scalars()
        for table in set(tables) - KEEPS_SECRETS:
            for row in (await connection.execute(text(f"SELECT * FROM {table}"))).all():
                values = [bytes(v).decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in row]
                found += [f"{table}: {word}" for word in words for value in values if word in value]
    return found


async def test_ids_of_any_size_are_exact(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    one = SAMPLES["meta"]()
    async with stand_in() as api:
        for path, answer in paths_of(one).items():
            api.tell(path, Answer(answer))
        await make_channel(client, one, base_url=api.address)
        await send(vendor, one)
        await worker()
        assert [asked.path for asked in api.asked] == ["/123123123123", "/9223372036854775807123"]
    found = (await client.get("/v1/leads?external_id=meta:9223372036854775807123")).json()["data"]
    assert [lead["external_ids"] for lead in found] == [{"meta": "9223372036854775807123"}]
    [delivery] = await deliveries(client)
    raw = (await client.get(f"/v1/deliveries/{delivery['id']}")).json()["body"]
    assert "9223372036854775807123" in raw


async def test_test_leads_are_in_no_statistic(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    one = SAMPLES["google-ads"]()
    await make_channel(client, one)
    assert (await send(vendor, one)).json() == {}
    await worker()
    [lead] = await leads(client)
    assert lead["test"] is True
    period = "from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z"
    answer = (await client.get(f"/v1/stats/funnel?{period}")).json()
    assert sum(group["entered"] for group in answer["groups"]) == 0
