"""What people have sent: a test, an event once more, a part of the feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from service.core.ids import new_id


async def replay(client, endpoint, **given):
    return await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/replay", json=given)


async def test_a_test_is_a_real_delivery(client, listen, add) -> None:
    listener = await listen()
    endpoint = await add(listener)
    answer = await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/test")
    assert answer.status_code == 200
    tried = answer.json()
    [heard] = listener.heard
    assert Webhook(endpoint["secret"]).verify(heard.body, heard.headers)["type"] == "lead.created"
    assert (tried["status"], tried["error"], tried["answer"], tried["number"]) == (200, None, "said", 0)
    assert tried["event_id"] == heard.id
    listed = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/attempts")).json()["data"]
    assert [one["id"] for one in listed] == [tried["id"]]


async def test_a_test_of_a_type_and_of_an_endpoint_that_is_off(client, listen, add) -> None:
    listener = await listen(500)
    endpoint = await add(listener, status="disabled")
    path = f"/v1/webhook-endpoints/{endpoint['id']}/test"
    tried = (await client.post(path, json={"type": "channel.silent"})).json()
    assert (tried["status"], tried["error"], tried["event_type"], tried["lead_id"]) == (
        500,
        "http_500",
        "channel.silent",
        None,
    )
    assert (await client.post(path, json={"type": "lead.vanished"})).status_code == 422


async def test_a_test_tells_of_the_first_type_that_is_heard_of(client, listen, add) -> None:
    listener = await listen()
    endpoint = await add(listener, event_types=["lead.merged"])
    await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/test")
    assert listener.heard[0].event["type"] == "lead.merged"


async def test_an_event_is_sent_once_more(client, listen, add, deliver, publish) -> None:
    listener, other = await listen(), await listen()
    endpoint = await add(listener)
    await add(other, event_types=["lead.erased"])
    event_id = str(await publish())
    await deliver()
    answer = await client.post(f"/v1/events/{event_id}/resend")
    assert answer.status_code == 202
    assert answer.json() == {"event_id": event_id, "endpoint_ids": [endpoint["id"]]}
    await deliver()
    assert (listener.ids, other.ids) == ([event_id] * 2, [])


async def test_an_event_is_sent_to_one_whatever_it_usually_hears_of(client, listen, add, deliver, publish) -> None:
    listener = await listen()
    endpoint = await add(listener, event_types=["lead.erased"])
    event_id = str(await publish())
    await deliver()
    answer = await client.post(f"/v1/events/{event_id}/resend", json={"endpoint_id": endpoint["id"]})
    assert answer.status_code == 202
    await deliver()
    assert listener.ids == [event_id]


async def test_what_was_given_up_can_be_sent_again(client, listen, add, deliver, publish, rows, time) -> None:
    listener = await listen(500)
    endpoint = await add(listener)
    event_id = str(await publish())
    for _ in range(10):
        await deliver()
        time.move(hours=27)
        await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"status": "enabled"})
    await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"status": "disabled"})
    await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"status": "enabled"})
    while (await rows("SELECT state FROM webhook_queue"))[0]["state"] == "pending":
        await deliver()
        time.move(hours=27)
    listener.answer = 200
    heard = len(listener.heard)
    await client.post(f"/v1/events/{event_id}/resend", json={"endpoint_id": endpoint["id"]})
    await deliver()
    assert listener.ids[heard:] == [event_id]
    assert await rows("SELECT 1 FROM webhook_queue") == []


async def test_nothing_is_sent_to_who_is_off(client, listen, add, publish) -> None:
    endpoint = await add(await listen(), status="disabled")
    event_id = await publish()
    answer = await client.post(f"/v1/events/{event_id}/resend", json={"endpoint_id": endpoint["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_disabled")
    assert (await client.post(f"/v1/events/{event_id}/resend")).json()["endpoint_ids"] == []
    assert (await replay(client, endpoint, since="2026-01-01T00:00:00Z")).status_code == 409
    assert (await client.post(f"/v1/events/{new_id()}/resend")).status_code == 404


async def test_a_part_of_the_feed_is_sent_again(client, listen, add, deliver, lead) -> None:
    listener = await listen()
    early = [*await lead(new_id(), 1, 2, 3)]
    endpoint = await add(listener)
    first, second = new_id(), new_id()
    events = [*await lead(first, 1, 2, 3), *await lead(second, 1, 2)]
    await deliver()
    assert len(listener.heard) == 5
    answer = await replay(client, endpoint, since=(datetime.now(UTC) - timedelta(hours=1)).isoformat())
    assert answer.status_code == 202
    assert answer.json()["finished_at"] is None
    detail = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert [one["id"] for one in detail["replays"]] == [answer.json()["id"]]
    await deliver()
    again = listener.ids[5:]
    assert sorted(again) == sorted(str(one) for one in [*early, *events])
    assert [one for one in again if one in {str(e) for e in events[:3]}] == [str(e) for e in events[:3]]
    detail = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert detail["replays"] == []
    await deliver()
    assert len(listener.heard) == 13


async def test_only_of_a_time_and_of_types(client, listen, add, deliver, publish) -> None:
    listener = await listen()
    endpoint = await add(listener)
    now = datetime.now(UTC)
    for minutes in (50, 40, 30, 20):
        for type_ in ("lead.created", "lead.updated"):
            await publish(type=type_, recorded_at=now - timedelta(minutes=minutes), data={"minutes": minutes})
    await deliver()
    del listener.heard[:]
    times = {"since": (now - timedelta(minutes=45)).isoformat(), "until": (now - timedelta(minutes=25)).isoformat()}
    await replay(client, endpoint, **times, types=["lead.updated"])
    await deliver()
    # By when they were recorded; the ids of these are all of this minute, which is later than what is asked for.
    told = [(heard.event["type"], heard.event["data"]["minutes"]) for heard in listener.heard]
    assert told == [("lead.updated", 40), ("lead.updated", 30)]


async def test_a_replay_is_beside_what_is_new(client, listen, add, deliver, publish) -> None:
    listener = await listen()
    endpoint = await add(listener, concurrency=1)
    for _ in range(60):
        await publish()
    await deliver()
    await replay(client, endpoint, since="2026-01-01T00:00:00Z")
    new = [str(await publish()) for _ in range(8)]
    await deliver()
    assert len(listener.heard) == 128
    assert max(listener.ids.index(one) for one in new) < 60 + 20


async def test_what_fails_in_a_replay_is_tried_again(client, listen, add, deliver, lead, rows, time) -> None:
    listener = await listen()
    endpoint = await add(listener)
    await lead(new_id(), 1, 2, 3)
    await deliver()
    listener.answer = lambda heard: 500 if heard.sequence == 2 else 200
    await replay(client, endpoint, since="2026-01-01T00:00:00Z")
    await deliver()
    assert listener.sequences == [1, 2, 3, 1, 2]
    assert [row["sequence"] for row in await rows("SELECT sequence FROM webhook_queue ORDER BY 1")] == [2, 3]
    listener.answer = 200
    time.move(seconds=10)
    await deliver()
    assert listener.sequences == [1, 2, 3, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, "/since"),
        ({"since": "2026-01-01T00:00:00"}, "/since"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "/until"),
        ({"since": "2026-01-02T00:00:00Z", "types": ["lead.vanished"]}, "/types/0"),
    ],
)
async def test_a_replay_that_cannot_be(client, listen, add, given, pointer) -> None:
    answer = await replay(client, await add(await listen()), **given)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
