"""What policies must not do: run in circles, move the same lead all day, move whom the machine does not let, touch whom they must not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.nurture import verify
from tests.nurture.policies.acting import (
    CLEAN,
    QUALIFY_ON_DEMO,
    Clock,
    act,
    firings,
    lead,
    move,
    outcomes,
    put,
    read,
    stage,
    timeline,
)

Run = Callable[[], Awaitable[None]]

NURTURE = {"key": "nurture", "when": {"stages": ["cleaned"]}, "then": {"move": {"event": "nurture"}}}
QUALIFY = {"key": "qualify", "when": {"stages": ["nurtured"]}, "then": {"move": {"event": "qualify"}}}
RECYCLE = {
    "key": "recycle",
    "when": {"stages": ["opportunity"]},
    "then": {"move": {"event": "recycle", "reason": "bad_timing"}},
}
CHURN_ON_VISIT = {
    "key": "churn-on-visit",
    "when": {"on": {"activity": {"kind": "page.visited"}}},
    "then": {"move": {"event": "churn", "reason": "competitor"}},
}
REACTIVATE_ON_CALL = {
    "key": "reactivate-on-call",
    "when": {"on": {"activity": {"kind": "call.received"}}},
    "then": {"move": {"event": "reactivate"}},
}


async def parked(client: AsyncClient) -> list[tuple[str, str, str]]:
    data = (await client.get("/v1/policies/parked")).json()["data"]
    return [(one["lead_id"], one["policy"], one["reason"]) for one in data]


async def merge(client: AsyncClient, survivor_id: str, duplicate_id: str) -> None:
    answer = await client.post(f"/v1/leads/{survivor_id}/merge", json={"duplicate_id": duplicate_id})
    assert answer.status_code == 201, answer.text


async def test_a_circle_ends_where_it_closes(client: AsyncClient, nurture: Run) -> None:
    await put(client, QUALIFY, RECYCLE, CLEAN, NURTURE, max_moves_per_day=50)
    one = await lead(client, "ann@example.com")
    await nurture()
    assert await outcomes(client) == [
        ("clean-valid", "moved"),
        ("nurture", "moved"),
        ("qualify", "moved"),
        ("recycle", "moved"),
        ("qualify", "parked"),
    ]
    assert await parked(client) == [(one["id"], "qualify", "loop")]
    assert (await client.get("/v1/policies/statistics")).json()["parked_now"] == 1


async def test_a_lead_is_moved_so_often_a_day_and_then_parked(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await put(client, CHURN_ON_VISIT, REACTIVATE_ON_CALL, max_moves_per_day=3)
    one = await lead(client, "ann@example.com")
    for kind in ("page.visited", "call.received", "page.visited", "call.received", "call.received"):
        await act(client, one["id"], kind)
        await nurture()
        time.pass_(hours=1)
    assert await outcomes(client) == [
        ("churn-on-visit", "moved"),
        ("reactivate-on-call", "moved"),
        ("churn-on-visit", "moved"),
        ("reactivate-on-call", "parked"),
    ]
    assert (await firings(client))[-1]["why"] | {"activity_id": ""} == {
        "stage": "churned",
        "activity_id": "",
        "kind": "call.received",
        "parked": "too_many_moves",
        "moves": 3,
    }
    time.pass_(days=3)
    await act(client, one["id"], "call.received")
    await nurture()
    assert await stage(client, one["id"]) == "churned"
    assert await parked(client) == [(one["id"], "reactivate-on-call", "too_many_moves")]


async def test_a_person_lets_a_parked_lead_go_on(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await put(client, CHURN_ON_VISIT, CLEAN, QUALIFY, max_moves_per_day=1)
    one = await lead(client, "ann@example.com")
    await nurture()
    assert (await client.post(f"/v1/leads/{one['id']}/unpark")).json()["code"] == "not_parked"
    await move(client, one["id"], "nurture")
    await nurture()
    assert await parked(client) == [(one["id"], "qualify", "too_many_moves")]
    time.pass_(minutes=1)
    answer = await client.post(f"/v1/leads/{one['id']}/unpark")
    assert (answer.status_code, answer.json()["unparked_by"]) == (200, "key:test")
    assert await parked(client) == []
    time.pass_(minutes=1)
    await nurture()
    assert await stage(client, one["id"]) == "opportunity"
    told = [item["data"]["outcome"] for item in await timeline(client, one["id"]) if item["kind"] == "policy"]
    assert told == ["moved", "parked", "unparked", "moved"]


async def test_moves_of_yesterday_do_not_count(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await put(client, CHURN_ON_VISIT, REACTIVATE_ON_CALL, max_moves_per_day=1)
    one = await lead(client, "ann@example.com")
    for kind in ("page.visited", "call.received", "page.visited"):
        await act(client, one["id"], kind)
        await nurture()
        time.pass_(hours=24)
    assert await outcomes(client) == [
        ("churn-on-visit", "moved"),
        ("reactivate-on-call", "moved"),
        ("churn-on-visit", "moved"),
    ]


async def test_a_refused_move_is_recorded_once_and_tried_again(client: AsyncClient, nurture: Run) -> None:
    """It is not raised, nothing else of the policy is done, and when what was missing is there it moves."""
    await put(client, {"key": "clean-all", "when": {}, "then": {"move": {"event": "clean"}, "tag": {"add": ["clean"]}}})
    shown = await lead(client, "ann@example.com", attributes={"_gotcha": "filled in"})
    assert shown["verdict"] == "invalid"
    await nurture()
    await act(client, shown["id"], "page.visited")
    await client.patch(f"/v1/leads/{shown['id']}", json={"tags": ["seen"]})
    await nurture()
    refused = await firings(client, lead_id=shown["id"])
    assert [(one["outcome"], one["actions"], one["transition_id"]) for one in refused] == [("refused", [], None)]
    assert refused[0]["why"]["refused"] == "transition_refused"
    assert refused[0]["why"]["missing"] == ["usable_contact"]
    await lead(client, "ann@example.com")
    await nurture()
    assert (await read(client, shown["id"]))["stage"] == "cleaned"
    assert await outcomes(client, lead_id=shown["id"]) == [("clean-all", "refused"), ("clean-all", "moved")]


async def test_test_leads_are_left_alone_until_they_are_real(client: AsyncClient, nurture: Run) -> None:
    await put(client, CLEAN)
    one = await lead(client, "ann@example.com", test=True)
    await nurture()
    assert await stage(client, one["id"]) == "acquired"
    await lead(client, "ann@example.com")
    await nurture()
    assert await stage(client, one["id"]) == "cleaned"


async def test_the_erased_and_the_merged_are_left_alone(client: AsyncClient, nurture: Run, time: Clock) -> None:
    announce = {"key": "old", "when": {"days_in_stage": 10}, "then": {"announce": True}, "once_per": "lead"}
    await put(client, CLEAN, announce)
    erased, merged, kept = [await lead(client, f"{name}@example.com") for name in ("ann", "bob", "cho")]
    await nurture()
    await client.post(f"/v1/leads/{erased['id']}/erasure")
    await merge(client, kept["id"], merged["id"])
    time.pass_(days=11)
    await nurture()
    assert [one["lead_id"] for one in await firings(client, policy="old")] == [kept["id"]]
    # The survivor's timeline has what was done to the lead that became part of it.
    told = [item["data"]["lead_id"] for item in await timeline(client, kept["id"]) if item["kind"] == "policy"]
    assert sorted(told) == sorted([merged["id"], kept["id"], kept["id"]])
    assert (await client.get("/v1/policies/firings", params={"lead_id": erased["id"]})).status_code == 200


async def test_moves_that_a_merge_wove_in_are_still_explained(
    client: AsyncClient, nurture: Run, engine: AsyncEngine, time: Clock
) -> None:
    await put(client, CLEAN, NURTURE)
    merged = await lead(client, "ann@example.com")
    await nurture()
    time.pass_(days=1)
    kept = await lead(client, "cho@example.com", occurred_at=(time.at - timedelta(hours=2)).isoformat())
    await merge(client, kept["id"], merged["id"])
    items = await timeline(client, kept["id"])
    moves = [
        item["data"]["id"]
        for item in items
        if item["kind"] == "transition"
        and item["data"]["actor"].startswith("policy:")
        and not item["data"]["superseded_at"]
    ]
    assert len(moves) == 2
    assert {item["data"]["transition_id"] for item in items if item["kind"] == "policy"} == set(moves)
    async with transaction(engine) as connection:
        assert await verify.verify(connection) == []


async def test_what_was_done_to_a_merged_lead_is_not_done_to_its_survivor(client: AsyncClient, nurture: Run) -> None:
    await put(client, {"key": "greet", "when": {"stages": ["cleaned"]}, "then": {"announce": True}, "once_per": "lead"})
    merged, kept = await lead(client, "ann@example.com"), await lead(client, "bob@example.com")
    await move(client, merged["id"], "clean")
    await nurture()
    await merge(client, kept["id"], merged["id"])
    await nurture()
    assert await stage(client, kept["id"]) == "cleaned"
    assert [one["lead_id"] for one in await firings(client)] == [merged["id"]]


async def test_a_person_who_moves_at_the_same_time_wins_or_is_seen(
    client: AsyncClient, nurture: Run, engine: AsyncEngine
) -> None:
    await put(client, CLEAN, NURTURE, QUALIFY_ON_DEMO)
    ids = [(await lead(client, f"a{number}@example.com"))["id"] for number in range(8)]

    async def person(lead_id: str) -> dict[str, Any]:
        return (await client.post(f"/v1/leads/{lead_id}/transitions", json={"event": "clean"})).json()

    answers = (await asyncio.gather(nurture(), *(person(lead_id) for lead_id in ids)))[1:]
    await nurture()
    for lead_id, answer in zip(ids, answers, strict=True):
        moves = (await client.get(f"/v1/leads/{lead_id}/transitions")).json()["data"]
        assert [one["event"] for one in moves] == ["acquire", "clean", "nurture"]
        assert (moves[1]["actor"] == "key:test") == (answer.get("code") != "transition_refused")
    assert all(one["outcome"] == "moved" for one in await firings(client))
