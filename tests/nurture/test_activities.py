"""Activities told over HTTP: of whom, how often, and what of those that name nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from httpx import AsyncClient

from service.core import clock
from service.nurture.activities.kinds import direction_of, is_outbound

Key = Callable[..., Awaitable[str]]


async def lead(client: AsyncClient, **given: Any) -> dict[str, Any]:
    answer = await client.post("/v1/leads", json=given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def told_of(client: AsyncClient, lead_id: str) -> list[dict[str, Any]]:
    return (await client.get(f"/v1/leads/{lead_id}/activities")).json()["data"]


async def test_an_activity_is_told_of_a_lead_by_any_of_its_names(client: AsyncClient) -> None:
    ada = await lead(client, email="ada@example.com", phone="+4930901820", external_ids={"crm": "a:7"})
    for name in (
        {"lead_id": ada["id"]},
        {"email": "ADA@example.com"},
        {"phone": "+49 30 901820"},
        {"external_id": "crm:a:7"},
        {"lead_id": ada["id"], "email": "ada@example.com"},
    ):
        answer = await client.post("/v1/activities", json={**name, "kind": "page.visited", "data": {"url": "/pricing"}})
        assert answer.status_code == 201, answer.text
        assert answer.json()["lead_id"] == ada["id"]
        assert answer.json()["data"] == {"url": "/pricing"}
    assert len(await told_of(client, ada["id"])) == 5
    shown = (await client.get(f"/v1/leads/{ada['id']}")).json()
    assert shown["last_activity_at"] == (await told_of(client, ada["id"]))[-1]["occurred_at"]
    kinds = [item["kind"] for item in (await client.get(f"/v1/leads/{ada['id']}/timeline")).json()["data"]]
    assert kinds.count("activity") == 5


async def test_with_a_key_it_is_told_once(client: AsyncClient) -> None:
    ada = await lead(client, email="ada@example.com")
    one = {"lead_id": ada["id"], "kind": "webinar.attended", "key": "zoom-1"}
    first = await client.post("/v1/activities", json=one)
    again = await client.post("/v1/activities", json={**one, "data": {"minutes": 3}})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await client.post("/v1/activities", json={**one, "kind": "webinar.registered"})
    assert (other.status_code, other.json()["code"]) == (409, "activity_key_taken")
    batch = await client.post("/v1/activities", json=[one, {**one, "key": "zoom-2"}, {**one, "key": "zoom-2"}])
    assert [item["status"] for item in batch.json()["data"]] == [200, 201, 200]
    assert len(await told_of(client, ada["id"])) == 2
    # Another lead attended the same webinar.
    ben = await lead(client, email="ben@example.com")
    assert (await client.post("/v1/activities", json={**one, "lead_id": ben["id"]})).status_code == 201


async def test_told_ten_times_at_once_it_is_written_once(client: AsyncClient) -> None:
    ada = await lead(client, email="ada@example.com")
    body = {"email": "ada@example.com", "kind": "webinar.attended", "key": "zoom-1"}
    answers = await asyncio.gather(*(client.post("/v1/activities", json=body) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert len(await told_of(client, ada["id"])) == 1


async def test_a_batch_answers_for_each_item_in_order(client: AsyncClient) -> None:
    ada = await lead(client, email="ada@example.com")
    await lead(client, email="ben@example.com")
    items = [
        {"email": "ada@example.com", "kind": "email.opened"},
        {"email": "nobody@example.com", "kind": "email.opened"},
        {"kind": "email.opened"},
        {"email": "ada@example.com", "kind": "has blanks"},
        {"lead_id": ada["id"], "email": "ben@example.com", "kind": "email.opened"},
        {"lead_id": ada["id"], "kind": "email.clicked", "surprise": 1},
        {"lead_id": "018f0000-0000-7000-8000-000000000000", "kind": "email.opened"},
        {"lead_id": ada["id"], "kind": "email.clicked"},
    ]
    lines = b"\n".join(map(orjson.dumps, items))
    for answer in (
        await client.post("/v1/activities", json=items),
        await client.post("/v1/activities", json={"data": items}),
        await client.post("/v1/activities", content=lines, headers={"Content-Type": "application/x-ndjson"}),
    ):
        assert answer.status_code == 200, answer.text
        assert [one["status"] for one in answer.json()["data"]] == [201, 404, 422, 422, 409, 422, 404, 201]
    assert len(await told_of(client, ada["id"])) == 6
    assert (await client.get("/v1/leads")).json()["data"].__len__() == 2


async def test_one_item_that_is_wrong_is_a_problem(client: AsyncClient) -> None:
    ada = await lead(client, email="ada@example.com")
    of = {"lead_id": ada["id"], "kind": "email.opened"}
    later = (clock.now() + timedelta(hours=1)).isoformat()
    soon = (clock.now() + timedelta(minutes=1)).isoformat()
    for body, status in (
        ({"kind": "email.opened"}, 422),
        ({**of, "occurred_at": later}, 422),
        ({**of, "rating": {"value": 11, "worst": 0, "best": 10}}, 422),
        ({**of, "rating": {"value": 3, "worst": 5, "best": 1}}, 422),
        ({"email": "nobody@example.com", "kind": "email.opened"}, 404),
        ({**of, "occurred_at": soon}, 201),
    ):
        answer = await client.post("/v1/activities", json=body)
        assert answer.status_code == status, answer.text
    for body in (b"", b"1", b"{", b"[]"):
        answer = await client.post("/v1/activities", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
    text = await client.post("/v1/activities", content=b"{}", headers={"Content-Type": "text/plain"})
    assert text.status_code == 415


async def test_a_rating_is_kept_with_its_scale(client: AsyncClient) -> None:
    ada = await lead(client, email="ada@example.com")
    rating = {"value": 9, "worst": 0, "best": 10}
    await client.post("/v1/activities", json={"lead_id": ada["id"], "kind": "nps.answered", "rating": rating})
    assert (await told_of(client, ada["id"]))[0]["rating"] == rating


async def test_what_is_told_of_a_merged_lead_is_the_survivors_and_nothing_is_told_of_the_erased(
    client: AsyncClient,
) -> None:
    ada, twin, last = [await lead(client, email=f"{name}@example.com") for name in ("ada", "twin", "last")]
    await client.post(f"/v1/leads/{ada['id']}/merge", json={"duplicate_id": twin["id"]})
    await client.post(f"/v1/leads/{last['id']}/merge", json={"duplicate_id": ada["id"]})
    body = {"lead_id": twin["id"], "kind": "call.made", "key": "secret"}
    told = await client.post("/v1/activities", json=body)
    assert (told.status_code, told.json()["lead_id"]) == (201, last["id"])
    await client.post(f"/v1/leads/{last['id']}/erasure", json={})
    for lead_id in (twin["id"], last["id"]):
        gone = await client.post("/v1/activities", json={"lead_id": lead_id, "kind": "call.made"})
        assert (gone.status_code, gone.json()["code"]) == (410, "lead_erased")
    events = (await client.get("/v1/events", params={"limit": 500})).text
    assert "secret" not in events


async def test_telling_needs_its_own_scope(client: AsyncClient, key: Key) -> None:
    ada = await lead(client, email="ada@example.com")
    body = {"lead_id": ada["id"], "kind": "call.made"}
    for scope, status in (("leads:write", 403), ("activities:write", 201)):
        headers = {"Authorization": f"Bearer {await key(scope)}"}
        assert (await client.post("/v1/activities", json=body, headers=headers)).status_code == status


async def test_an_idempotency_key_replays_the_answer(client: AsyncClient) -> None:
    ada = await lead(client, email="ada@example.com")
    body = {"lead_id": ada["id"], "kind": "call.made"}
    first, again = [
        await client.post("/v1/activities", json=body, headers={"Idempotency-Key": "one"}) for _ in range(2)
    ]
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await told_of(client, ada["id"])) == 1


async def test_the_kinds_say_who_was_active(client: AsyncClient) -> None:
    kinds = {one["kind"]: one for one in (await client.get("/v1/activity-kinds")).json()["data"]}
    assert kinds["call.made"]["direction"] == "outbound"
    assert kinds["survey.answered"]["rated"]
    assert is_outbound("meeting.held")
    assert not is_outbound("mailing.sent")
    assert direction_of("what.nobody.described") == "inbound"


async def test_ratings_are_averaged_by_kind_channel_and_scale(client: AsyncClient) -> None:
    ada = await lead(client, email="ada@example.com")
    robot = await lead(client, email="robot@example.com", test=True)
    told = [
        {"lead_id": ada["id"], "kind": kind, "channel": channel, "rating": {"value": value, "worst": 1, "best": best}}
        for kind, channel, value, best in (
            ("survey.answered", "mail", 4, 5),
            ("survey.answered", "mail", 5, 5),
            ("survey.answered", None, 2, 5),
            ("survey.answered", None, 7, 10),
            ("interview.held", None, 3, 5),
        )
    ]
    told.append({**told[0], "lead_id": robot["id"]})
    assert (await client.post("/v1/activities", json=told)).status_code == 200
    rows = (await client.get("/v1/stats/ratings", params={"kind": "survey.answered"})).json()["data"]
    assert [(one["channel"], one["best"], one["ratings"], one["mean"]) for one in rows] == [
        ("mail", 5, 2, 4.5),
        (None, 5, 1, 2),
        (None, 10, 1, 7),
    ]
    assert (rows[0]["low"], rows[0]["high"], rows[0]["share"]) == (pytest.approx(3.52, abs=0.001), 5, 0.875)
    assert (rows[1]["low"], rows[1]["insufficient_data"]) == (None, True)
    assert len((await client.get("/v1/stats/ratings")).json()["data"]) == 4
    later = (clock.now() + timedelta(days=1)).isoformat()
    assert (await client.get("/v1/stats/ratings", params={"from": later})).json()["data"] == []
