"""What goes wrong: one message, one lead, one endpoint; and how it comes right again."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from service.core import clock
from service.core.ids import new_id
from service.outbound.delivering.schedule import SCHEDULE


def poisoned(*sequences: int, status: int = 500):
    """Answer with an error to events of these sequences."""
    return lambda heard: status if heard.sequence in sequences else 200


async def test_a_failed_event_is_tried_again_by_the_schedule(client, listen, add, deliver, publish, rows, time) -> None:
    listener = await listen(500)
    endpoint = await add(listener)
    event_id = await publish()
    for number, wait in enumerate(SCHEDULE[1:], start=1):
        assert await deliver() == 1
        [row] = await rows("SELECT state, attempts, next_at FROM webhook_queue")
        assert (row["state"], row["attempts"]) == ("pending", number)
        assert wait <= row["next_at"] - clock.now() + timedelta(seconds=3) <= wait * 1.1 + timedelta(seconds=3)
        assert await deliver() == 0
        time.move(seconds=wait.total_seconds() * 1.1 + 1)
    assert await deliver() == 1
    assert listener.ids == [str(event_id)] * 10
    [row] = await rows("SELECT state, attempts, next_at, status, error FROM webhook_queue")
    assert row == {"state": "failed", "attempts": 10, "next_at": None, "status": 500, "error": "http_500"}
    tried = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/attempts")).json()["data"]
    assert [one["number"] for one in tried] == list(range(10, 0, -1))
    failed = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/queue?state=failed")).json()["data"]
    assert [one["event_id"] for one in failed] == [str(event_id)]


async def test_what_was_given_up_is_told_once_and_not_to_the_one_that_failed(
    client, listen, add, deliver, publish, rows, time
) -> None:
    failing, hearing = await listen(500), await listen()
    endpoint = await add(failing, description="The CRM")
    await add(hearing, event_types=["delivery.failed"])
    lead_id = new_id()
    event_id = await publish(lead_id=lead_id, sequence=4)
    for wait in (*SCHEDULE[1:], timedelta(0), timedelta(0)):
        await deliver()
        time.move(seconds=wait.total_seconds() * 1.1 + 1)
    [told] = hearing.heard
    assert told.event["data"]["endpoint"] == {"id": endpoint["id"], "host": "127.0.0.1", "description": "The CRM"}
    event = {"id": str(event_id), "type": "lead.created", "lead_id": str(lead_id), "sequence": 4}
    assert told.event["data"]["event"] == event
    assert (told.event["data"]["attempts"], told.event["data"]["last_attempt"]["status"]) == (10, 500)
    assert set(failing.ids) == {str(event_id)}
    assert len(await rows("SELECT 1 FROM outbox WHERE type = 'delivery.failed'")) == 1


async def test_that_a_failure_could_not_be_told_is_not_told(listen, add, deliver, publish, rows, time) -> None:
    """Two endpoints that both fail: each is told of the other's first failure, and that is all."""
    for _ in range(2):
        await add(await listen(500))
    await publish()
    for _ in range(30):
        await deliver()
        time.move(hours=6)
    told = await rows("SELECT data -> 'event' ->> 'type' AS type FROM outbox WHERE type = 'delivery.failed'")
    assert [row["type"] for row in told] == ["lead.created"] * 2


async def test_later_events_of_the_lead_wait_and_those_of_others_do_not(listen, add, deliver, lead, rows, time) -> None:
    listener = await listen(poisoned(2))
    await add(listener)
    one, other = new_id(), new_id()
    await lead(one, 1, 2, 3, 4)
    await lead(other, 11, 12)
    await deliver()
    assert sorted(listener.sequences) == [1, 2, 11, 12]
    await lead(one, 5)
    await lead(other, 13)
    await deliver()
    assert sorted(listener.sequences) == [1, 2, 11, 12, 13]
    waiting = await rows("SELECT sequence, attempts, next_at IS NULL AS behind FROM webhook_queue ORDER BY sequence")
    assert [tuple(row.values()) for row in waiting] == [(2, 1, False), (3, 0, True), (4, 0, True), (5, 0, True)]
    listener.answer = 200
    time.move(seconds=6)
    await deliver()
    assert [number for number in listener.sequences if number < 10] == [1, 2, 2, 3, 4, 5]
    assert await rows("SELECT 1 FROM webhook_queue") == []


async def test_when_one_is_given_up_those_behind_it_go_on(listen, add, deliver, lead, rows, time) -> None:
    listener = await listen(poisoned(1))
    await add(listener)
    await lead(new_id(), 1, 2, 3)
    for _ in range(10):
        await deliver()
        time.move(hours=27)
        # Somebody else keeps the endpoint in good health.
        await lead(new_id(), 50)
    await deliver()
    assert Counter(listener.sequences)[1] == 10
    assert [number for number in listener.sequences if number < 10][-2:] == [2, 3]
    assert [row["state"] for row in await rows("SELECT state FROM webhook_queue")] == ["failed"]


async def test_a_long_queue_of_one_lead_is_caught_up_in_order(listen, add, deliver, lead, time) -> None:
    listener = await listen(500)
    await add(listener)
    await lead(new_id(), *range(1, 61))
    await deliver()
    assert listener.sequences == [1]
    listener.answer = 200
    time.move(minutes=6)
    await deliver()
    assert listener.sequences == [1, *range(1, 61)]


async def test_an_endpoint_that_keeps_failing_is_left_alone_and_probed(
    listen, add, deliver, publish, rows, time
) -> None:
    listener = await listen(500)
    await add(listener)
    for number in range(100):
        await publish(sequence=number + 1)
    await deliver()
    first = len(listener.heard)
    assert 5 <= first <= 13
    # All else waits in the outbox.
    assert len(await rows("SELECT 1 FROM webhook_queue")) == first == len(await rows("SELECT 1 FROM webhook_attempts"))
    for _ in range(6):
        time.move(seconds=400)
        await deliver()
    assert first < len(listener.heard) <= first + 6
    listener.answer = 200
    time.move(seconds=400)
    await deliver()
    assert set(listener.sequences) == set(range(1, 101))
    assert await rows("SELECT 1 FROM webhook_queue") == []
    [health] = await rows("SELECT failures, probes, resume_at, failing_since FROM webhook_endpoints")
    assert health == {"failures": 0, "probes": 0, "resume_at": None, "failing_since": None}


async def test_a_healthy_endpoint_that_refuses_a_few_in_a_row_goes_on(listen, add, deliver, lead, time) -> None:
    """Five bad events pause it; the next probe is a good one, although the bad ones are still tried."""
    listener = await listen(poisoned(1))
    await add(listener)
    for _ in range(8):
        await lead(new_id(), 1)
    await deliver()
    for _ in range(20):
        await lead(new_id(), 2)
    for _ in range(3):
        time.move(seconds=30)
        await deliver()
    assert Counter(listener.sequences)[2] == 20


async def test_one_dead_endpoint_delays_no_other(listen, add, deliver, publish) -> None:
    async def hang(_heard) -> int:
        await asyncio.sleep(60)
        return 200

    dead, alive = await listen(hang), await listen()
    await add(dead)
    await add("http://127.0.0.1:9/refuses")
    await add(alive)
    for _ in range(30):
        await publish()
    await deliver(timeout=2)
    assert len(alive.heard) == 30
    assert len(dead.heard) <= 20


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_retry_after_is_heeded_for_the_whole_endpoint(status, listen, add, deliver, publish, time) -> None:
    listener = await listen((status, {"Retry-After": "120"}))
    await add(listener, concurrency=1)
    for _ in range(5):
        await publish()
    await deliver()
    assert len(listener.heard) == 1
    listener.answer = 200
    time.move(seconds=100)
    assert await deliver() == 0
    time.move(seconds=25)
    await deliver()
    assert len(set(listener.ids)) == 5


async def test_it_slows_down_without_being_told_for_how_long(listen, add, deliver, publish, time) -> None:
    listener = await listen(503)
    await add(listener, concurrency=1)
    for _ in range(3):
        await publish()
    await deliver()
    assert len(listener.heard) == 1
    listener.answer = 200
    time.move(seconds=1.2)
    await deliver()
    assert len(set(listener.ids)) == 3


async def test_gone_is_gone_at_once(client, listen, add, deliver, publish, rows) -> None:
    listener, hearing = await listen(410), await listen()
    endpoint = await add(listener, concurrency=1)
    await add(hearing, event_types=["endpoint.disabled"])
    event_ids = [await publish() for _ in range(3)]
    await deliver()
    await deliver()
    assert listener.ids == [str(event_ids[0])]
    shown = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "gone")
    [told] = hearing.heard
    assert told.event["data"]["endpoint"]["id"] == endpoint["id"]
    assert told.event["data"]["reason"] == "gone"
    # Enabled again, it goes on where it was switched off.
    listener.answer = 200
    await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"status": "enabled"})
    await deliver()
    assert set(listener.ids[1:]) >= {str(one) for one in event_ids[1:]}


async def test_five_days_of_nothing_but_failures_disable_it(client, listen, add, deliver, publish, time) -> None:
    listener = await listen(500)
    endpoint = await add(listener)
    for _ in range(12):
        await publish()
    begun = clock.now()
    for _ in range(4 * 5 - 1):
        await deliver()
        time.move(hours=6)
    shown = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert (shown["status"], shown["disabled_reason"]) == ("enabled", None)
    time.move(hours=7)
    await deliver()
    shown = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "failing")
    heard = len(listener.heard)
    time.move(days=1)
    assert await deliver() == 0
    assert len(listener.heard) == heard
    events = (await client.get("/v1/events?type=endpoint.disabled")).json()["data"]
    assert [event["data"]["reason"] for event in events] == ["failing"]
    assert abs((clock.now() - begun).days) >= 5


async def test_one_success_in_five_days_is_enough(client, listen, add, deliver, publish, time) -> None:
    listener = await listen(500)
    endpoint = await add(listener)
    for day in range(8):
        await publish()
        listener.answer = 200 if day == 4 else 500
        await deliver()
        time.move(days=1)
    assert (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()["status"] == "enabled"


async def test_a_redirect_is_a_failure(client, listen, add, deliver, publish) -> None:
    elsewhere = await listen()
    listener = await listen((302, {"Location": elsewhere.url}))
    endpoint = await add(listener)
    await publish()
    await deliver()
    [tried] = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/attempts")).json()["data"]
    assert (tried["status"], tried["error"]) == (302, "redirect")
    assert elsewhere.heard == []


async def test_a_segment_that_is_no_more_stops_its_endpoint(client, listen, add, deliver, publish) -> None:
    listener = await listen()
    await client.post("/v1/segments", json={"key": "german", "filters": {"country": "DE"}})
    endpoint = await add(listener, segment="german")
    await client.delete("/v1/segments/german")
    await publish(data={"lead": {"company": {"country": "DE"}}})
    await deliver()
    shown = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "misconfigured")
    assert listener.heard == []
    # Nothing is lost: once it is mended, it goes on where it stood.
    mended = {"segment": None, "status": "enabled"}
    assert (await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json=mended)).status_code == 200
    await deliver()
    assert len(listener.heard) >= 1


async def test_an_event_that_cannot_be_judged_is_seen_in_the_queue(client, listen, add, deliver, publish) -> None:
    listener = await listen()
    endpoint = await add(listener, filters={"country": "DE"})
    await publish(data={"lead": {"company": None}})
    await publish(data={"lead": {"company": {"country": "DE"}}})
    await deliver()
    assert len(listener.heard) == 2 or len(listener.heard) == 1
    shown = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert shown["status"] == "enabled"


async def test_answers_go_with_the_person(client, listen, add, deliver, rows) -> None:
    await add(await listen(500))
    lead = (await client.post("/v1/leads", json={"email": "anna@firma.de"})).json()
    await deliver()
    assert [row["answer"] for row in await rows("SELECT answer FROM webhook_attempts")] == ["said"]
    await client.post(f"/v1/leads/{lead['id']}/erasure")
    assert [row["answer"] for row in await rows("SELECT answer FROM webhook_attempts")] == [None]


async def test_a_queued_event_is_sent_as_it_is_when_it_is_sent(client, listen, add, deliver, time) -> None:
    listener = await listen(500)
    await add(listener)
    lead = (await client.post("/v1/leads", json={"email": "anna@firma.de", "full_name": "Anna Muster"})).json()
    await deliver()
    assert b"Muster" in listener.heard[0].body
    await client.post(f"/v1/leads/{lead['id']}/erasure")
    listener.answer = 200
    time.move(minutes=1)
    await deliver()
    assert [heard.event["type"] for heard in listener.heard] == ["lead.created", "lead.created", "lead.erased"]
    assert b"Muster" not in listener.heard[1].body
