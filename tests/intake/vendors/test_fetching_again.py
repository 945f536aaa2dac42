"""How long a vendor is asked again, and that whatever happens meanwhile a delivery has one result."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.intake import fetch_store, fetching
from tests.channels.documented import meta
from tests.intake.vendors.door import Work, deliveries, leads, make_channel, of_lead, send
from tests.intake.vendors.ids_only import LEAD, ONE, begin, due_in, notice, only
from tests.intake.vendors.standin import Answer, StandIn


async def test_after_fifteen_tries_it_is_given_up_and_can_be_replayed(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, pass_time: Any
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"{}", 500))
    await begin(client, vendor, worker, api)
    waited = timedelta()
    for _ in range(fetching.TRIES - 1):
        delivery = await only(client)
        assert delivery["status"] == "pending_fetch"
        step = due_in(delivery, clock.now())
        waited += step
        pass_time(seconds=step.total_seconds())
        await worker()
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"], delivery["attempts"]) == ("dead", "fetch_failed", 15)
    assert timedelta(hours=25) < waited < timedelta(hours=39)
    api.tell("/v23.0" + LEAD, Answer(meta.ANSWER))
    await client.post(f"/v1/deliveries/{delivery['id']}/replay")
    await worker()
    assert (await only(client))["status"] == "processed"


def test_pauses_grow_from_a_minute_to_six_hours() -> None:
    hours = [sum((fetching.pause(tries) for tries in range(1, fetching.TRIES)), timedelta()) for _ in range(50)]
    assert all(timedelta(hours=25) < one < timedelta(hours=39) for one in hours)
    assert fetching.pause(40) <= timedelta(hours=6)


async def test_what_a_killed_worker_had_in_hand_comes_back(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, engine: AsyncEngine, pass_time: Any
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"{}", 500), Answer(meta.ANSWER))
    await begin(client, vendor, worker, api)
    pass_time(minutes=2)
    async with transaction(engine) as connection:
        now = clock.now()
        held = await fetch_store.claim_due(connection, now=now, lease=now + timedelta(minutes=3), limit=9, share=9)
    assert len(held) == 1
    await worker()
    assert len(api.asked) == 1
    pass_time(minutes=4)
    await worker()
    assert (await only(client))["status"] == "processed"


async def test_parallel_workers_ask_once(client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn) -> None:
    ids = range(1, 31)
    for one in ids:
        api.tell(f"/v23.0/{one}", Answer(meta.ANSWER.replace(b"joe@", f"joe{one}@".encode())))
    await make_channel(client, ONE, base_url=api.address + "/v23.0")
    for one in ids:
        await send(vendor, notice(one))
    await asyncio.gather(worker(), worker(), worker())
    await worker()
    assert {one["status"] for one in await deliveries(client)} == {"processed"}
    assert sorted(asked.path for asked in api.asked) == sorted(f"/v23.0/{one}" for one in ids)
    assert len(await leads(client)) == 30


async def test_an_answer_nobody_understands_is_dead(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b'{"id":"123123123123"}'))
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"]) == ("dead", "malformed_body")


async def test_a_delivery_that_is_replayed_while_it_is_fetched_has_one_result(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, engine: AsyncEngine
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"{}", 500), Answer(meta.ANSWER))
    await begin(client, vendor, worker, api)
    await client.post("/v1/deliveries/replay", json={"status": "pending_fetch"})
    await worker()
    assert (await only(client))["status"] == "processed"
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM touchpoints"))).scalar_one() == 1


async def test_a_replay_fetches_again_and_does_nothing_twice(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, Answer(meta.ANSWER), Answer(meta.ANSWER), Answer(b"{}", 404))
    await begin(client, vendor, worker, api)
    before = await only(client)
    for reason in (None, "fetch_gone"):
        await client.post(f"/v1/deliveries/{before['id']}/replay")
        await worker()
        after = await only(client)
        assert (after["status"], after["reason"], after["outcome"]) == ("processed", reason, before["outcome"])
    [lead] = await leads(client)
    assert len(await of_lead(client, lead, "touchpoints")) == 1
    # The vendor's own repetition is still known.
    await send(vendor, ONE)
    await worker()
    assert [one["status"] for one in await deliveries(client)] == ["processed", "duplicate"]
