"""Deadlines over HTTP: when clocks start, what ends them, what passes, and what of it is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.nurture.engine import Nurture
from service.nurture.reactions import REACTIONS
from tests.nurture.deadlines.acting import Later, Worker, at, deadlines, lead, move, respond, rule, shown, told, write


async def test_it_works(client: AsyncClient, worker: Worker, later: Later) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["state"], one["rule"], one["version"], one["what"]) == ("open", "answer", 1, "first_response")
    assert at(one["due_at"]) - at(one["started_at"]) == timedelta(hours=2)
    assert (await shown(client, ann))["due_at"] == one["due_at"]
    later(timedelta(hours=2, seconds=1))
    await worker()
    (event,) = await told(client)
    assert event["lead_id"] == ann
    assert event["timestamp"] == one["due_at"]
    assert event["data"]["deadline"]["id"] == one["id"]
    assert event["data"]["lead"]["due_at"] == one["due_at"]
    await respond(client, ann)
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["state"], one["ended_how"]) == ("late", "met")
    assert (await shown(client, ann))["due_at"] is None
    assert len(await told(client)) == 1


@pytest.mark.parametrize(
    ("kind", "state", "how"),
    [("email.sent", "in_time", "met"), ("email.opened", "open", None), ("mailing.sent", "open", None)],
)
async def test_only_one_of_us_responds(
    client: AsyncClient, worker: Worker, kind: str, state: str, how: str | None
) -> None:
    await write(client, rule())
    ann = await lead(client)
    await respond(client, ann, kind)
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["state"], one["ended_how"]) == (state, how)


async def test_a_response_before_the_stage_was_entered_is_none(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule())
    ann = await lead(client)
    await respond(client, ann, occurred_at=(clock.now() - timedelta(hours=1)).isoformat())
    await worker()
    assert [one["state"] for one in await deadlines(client, ann)] == ["open"]


async def test_leaving_the_stage_ends_both_clocks(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule(), rule("move", what="leave_stage"))
    ann = await lead(client)
    await worker()
    await move(client, ann, "clean")
    await worker()
    found = {one["rule"]: one for one in await deadlines(client, ann)}
    assert [found[key]["ended_how"] for key in ("answer", "move")] == ["left", "met"]
    assert {one["state"] for one in found.values()} == {"in_time"}
    assert (await shown(client, ann))["due_at"] is None


async def test_the_next_stage_has_clocks_of_its_own(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule(), rule("next", stage="cleaned"))
    ann = await lead(client)
    await move(client, ann, "clean")
    await worker()
    assert [(one["rule"], one["state"]) for one in await deadlines(client, ann)] == [
        ("answer", "in_time"),
        ("next", "open"),
    ]
    assert (await shown(client, ann))["due_at"] == (await deadlines(client, ann))[1]["due_at"]


async def test_a_response_that_is_told_late_was_in_time_all_the_same(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    ann = await lead(client)
    said = clock.now() + timedelta(hours=1)
    await worker()
    later(timedelta(hours=3))
    await worker()
    assert len(await told(client)) == 1
    await respond(client, ann, occurred_at=said.isoformat())
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["state"], at(one["ended_at"])) == ("in_time", said)
    assert one["overdue_at"] is not None
    assert one["worked_seconds"] == pytest.approx((said - at(one["started_at"])).total_seconds())


async def test_it_is_told_once_by_however_many_workers(
    client: AsyncClient, engine: AsyncEngine, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    for number in range(5):
        await lead(client, f"a{number}@example.com")
    await worker()
    later(timedelta(hours=3))
    workers = [Nurture(engine, REACTIONS) for _ in range(3)]
    for _ in range(4):
        await asyncio.gather(*(one.run() for one in workers))
    await worker()
    overdue = await told(client)
    assert len({event["lead_id"] for event in overdue}) == len(overdue) == 5


async def test_nothing_is_told_of_what_is_over_by_the_time_we_look(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    later(timedelta(hours=3))
    await respond(client, ann)
    await worker()
    assert await told(client) == []
    assert [one["state"] for one in await deadlines(client, ann)] == ["late"]


async def test_a_correction_takes_back_what_never_was_and_starts_again_what_was_not_over(
    client: AsyncClient, worker: Worker
) -> None:
    await write(client, rule(), rule("next", stage="cleaned"))
    ann = await lead(client)
    await move(client, ann, "clean")
    await worker()
    answer = await client.post(
        f"/v1/leads/{ann}/corrections", json={"from_sequence": 2, "transitions": [], "reason": "a mistake"}
    )
    assert answer.is_success, answer.text
    await worker()
    assert {one["rule"]: one["state"] for one in await deadlines(client, ann)} == {
        "answer": "open",
        "next": "withdrawn",
    }
    assert (await shown(client, ann))["due_at"] == (await deadlines(client, ann))[0]["due_at"]


async def test_a_merge_brings_the_clocks_of_the_other_and_undoing_it_gives_them_back(
    client: AsyncClient, worker: Worker
) -> None:
    await write(client, rule())
    ann, other = await lead(client), await lead(client, "ann@example.org")
    await respond(client, other)
    await worker()
    before = [await deadlines(client, one) for one in (ann, other)]
    answer = await client.post(f"/v1/leads/{ann}/merge", json={"duplicate_id": other})
    assert answer.is_success, answer.text
    await worker()
    (one,) = [one for one in await deadlines(client, ann) if one["state"] != "withdrawn"]
    assert (one["state"], one["ended_how"]) == ("in_time", "met")
    await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    await worker()
    after = [await deadlines(client, one) for one in (ann, other)]
    assert [[one["state"] for one in some if one["state"] != "withdrawn"] for some in after] == [["open"], ["in_time"]]
    assert [some[0]["due_at"] for some in before] == [
        next(one["due_at"] for one in some if one["state"] != "withdrawn") for some in after
    ]
    assert (await shown(client, other))["due_at"] is None
    assert (await shown(client, ann))["due_at"] == before[0][0]["due_at"]


async def test_for_the_erased_nothing_is_to_be_done(client: AsyncClient, worker: Worker, later: Later) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    assert (await client.post(f"/v1/leads/{ann}/erasure")).is_success
    later(timedelta(hours=3))
    await worker()
    assert await told(client) == []
    assert (await client.get("/v1/deadlines", params={"state": ["open", "overdue"]})).json()["data"] == []
