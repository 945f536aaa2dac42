"""What goes well: every event once, in order, signed, to those who want it."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook

from service.core.ids import new_id


async def test_it_works(client, listen, add, deliver, rows) -> None:
    listener = await listen()
    endpoint = await add(listener)
    lead = (await client.post("/v1/leads", json={"email": "anna@firma.de", "channel": "web"})).json()
    await client.patch(f"/v1/leads/{lead['id']}", json={"job_title": "Head of Purchasing"})
    assert await deliver() == 2
    events = (await client.get("/v1/events")).json()["data"]
    assert listener.ids == [event["id"] for event in events]
    for heard, event in zip(listener.heard, events, strict=True):
        assert heard.event == {
            "type": event["type"],
            "timestamp": event["timestamp"],
            "data": event["data"] | {"sequence": event["sequence"]},
        }
        assert Webhook(endpoint["secret"]).verify(heard.body, heard.headers) == heard.event
    assert await deliver() == 0
    assert await rows("SELECT 1 FROM webhook_queue") == []


async def test_the_log_tells_of_every_try(client, listen, add, deliver, publish) -> None:
    endpoint = await add(await listen())
    event_id = await publish()
    await deliver()
    [tried] = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/attempts")).json()["data"]
    assert tried["event_id"] == str(event_id)
    assert (tried["number"], tried["status"], tried["error"], tried["answer"]) == (1, 200, None, "said")
    assert (tried["event_type"], tried["next_at"], tried["endpoint_id"]) == ("lead.created", None, endpoint["id"])
    assert 0 <= tried["latency_ms"] < 500
    detail = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert detail["figures"] == {"waiting": 0, "failed": 0, "lag_seconds": 0.0}
    assert detail["last_success_at"] is not None


async def test_a_new_endpoint_hears_of_what_comes(listen, add, deliver, publish) -> None:
    listener = await listen()
    await publish()
    await add(listener)
    event_id = await publish()
    await deliver()
    assert listener.ids == [str(event_id)]


async def test_only_the_types_it_wants(listen, add, deliver, publish) -> None:
    listener = await listen()
    await add(listener, event_types=["lead.erased", "lead.updated"])
    wanted = [await publish(type=one) for one in ("lead.created", "lead.updated", "lead.erased", "lead.merged")][1:3]
    await deliver()
    assert listener.ids == [str(one) for one in wanted]


async def test_only_leads_that_its_filters_hold_of(client, listen, add, deliver) -> None:
    chosen, segment, all_of_them = [await listen() for _ in range(3)]
    await client.post("/v1/segments", json={"key": "german", "filters": {"country": "DE"}})
    await add(chosen, filters={"country": ["AT"], "industry": ["steel", None]})
    await add(segment, segment="german")
    await add(all_of_them)
    for country in ("DE", "AT", "FR"):
        company = {"name": "Stahl", "country": country}
        await client.post("/v1/leads", json={"email": f"anna@{country}.example.com", "company": company})
    await deliver()
    assert [len(listener.heard) for listener in (chosen, segment, all_of_them)] == [1, 1, 3]
    assert chosen.heard[0].event["data"]["lead"]["company"]["country"] == "AT"


async def test_each_leads_events_come_in_order(listen, add, deliver, publish) -> None:
    """Many leads' events at once, answered out of order; of each lead one at a time."""
    import asyncio
    import random

    chance = random.Random(7)

    async def wait(_heard) -> int:
        await asyncio.sleep(chance.random() * 0.01)
        return 200

    listener = await listen(wait)
    await add(listener, concurrency=16)
    leads = [new_id() for _ in range(10)]
    for sequence in range(1, 9):
        for lead_id in leads:
            await publish(lead_id=lead_id, sequence=sequence, data={"lead": {"id": str(lead_id)}})
    await deliver()
    seen: dict[str, list[int]] = {}
    for heard in listener.heard:
        seen.setdefault(heard.event["data"]["lead"]["id"], []).append(heard.sequence)
    assert len(seen) == 10
    assert all(sequences == list(range(1, 9)) for sequences in seen.values())
    assert 2 < listener.most <= 10


async def test_no_more_at_once_than_it_takes(listen, add, deliver, publish) -> None:
    import asyncio

    async def wait(_heard) -> int:
        await asyncio.sleep(0.005)
        return 200

    listener = await listen(wait)
    await add(listener, concurrency=3)
    for _ in range(20):
        await publish()
    await deliver()
    assert (listener.most, len(listener.heard)) == (3, 20)


async def test_no_more_per_second_than_it_takes(listen, add, deliver, publish) -> None:
    import time

    listener = await listen()
    await add(listener, rate=50)
    for _ in range(11):
        await publish()
    began = time.perf_counter()
    await deliver()
    assert len(listener.heard) == 11
    assert time.perf_counter() - began > 0.19


async def test_the_trace_is_passed_on(client, listen, add, deliver) -> None:
    listener = await listen()
    await add(listener)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await client.post("/v1/leads", json={"email": "anna@firma.de"}, headers={"traceparent": trace})
    await client.post("/v1/leads", json={"email": "bert@firma.de"})
    await deliver()
    assert [heard.headers.get("traceparent") for heard in listener.heard] == [trace, None]


async def test_cloudevents(listen, add, deliver, publish) -> None:
    listener = await listen()
    endpoint = await add(listener, format="cloudevents", settings={"source": "urn:test"})
    event_id = await publish(data={"lead": {"id": "x"}})
    await deliver()
    [heard] = listener.heard
    assert (heard.headers["ce-id"], heard.headers["ce-source"]) == (str(event_id), "urn:test")
    assert heard.event == {"lead": {"id": "x"}, "sequence": 1}
    assert Webhook(endpoint["secret"]).verify(heard.body, heard.headers)


async def test_both_secrets_sign_for_a_day(client, listen, add, deliver, publish, time) -> None:
    listener = await listen()
    endpoint = await add(listener)
    answer = await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/rotate-secret")
    assert answer.status_code == 200, answer.text
    rotated = answer.json()
    assert rotated["secret"] != endpoint["secret"]
    await publish()
    await deliver()
    for secret in (endpoint["secret"], rotated["secret"]):
        assert Webhook(secret).verify(listener.heard[0].body, listener.heard[0].headers)
    time.move(hours=25)
    await publish()
    await deliver()
    assert len(listener.heard[1].headers["webhook-signature"].split()) == 1


async def test_events_about_no_lead(listen, add, deliver, publish) -> None:
    listener, filtered = await listen(), await listen()
    await add(listener)
    await add(filtered, filters={"country": "DE"})
    await publish(type="channel.silent", lead_id=None, sequence=0)
    await deliver()
    assert (len(listener.heard), len(filtered.heard)) == (1, 0)


async def test_what_a_lead_was_is_gone_when_it_is_erased_before(client, listen, add, deliver) -> None:
    listener = await listen()
    await add(listener)
    lead = (await client.post("/v1/leads", json={"email": "anna@firma.de", "full_name": "Anna Muster"})).json()
    await client.post(f"/v1/leads/{lead['id']}/erasure")
    await deliver()
    assert [heard.event["type"] for heard in listener.heard] == ["lead.created", "lead.erased"]
    assert not any(b"Muster" in heard.body or b"anna@" in heard.body for heard in listener.heard)


@pytest.mark.parametrize("count", [700])
async def test_a_backlog(listen, add, deliver, engine, write_event, count) -> None:
    """More than fits into memory at once, written long before the worker starts."""
    from service.core.database import transaction

    listener = await listen()
    await add(listener, concurrency=16)
    async with transaction(engine) as connection:
        ids = [str(await write_event(connection)) for _ in range(count)]
    await deliver()
    assert sorted(listener.ids) == sorted(ids)
