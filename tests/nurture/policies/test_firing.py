"""When policies fire: on rules that changed, on time that passed, once where once is enough, and under which version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import fetch, transaction
from tests.nurture.policies.acting import (
    CHURN_IDLE,
    CLEAN,
    START,
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


async def test_new_policies_find_what_holds_already_but_not_what_happened_before(
    client: AsyncClient, nurture: Run, time: Clock
) -> None:
    one = await lead(client, "ann@example.com")
    await act(client, one["id"], "demo.requested")
    await nurture()
    demo = {"key": "demo", "when": {"on": {"activity": {"kind": "demo.*"}}}, "then": {"announce": True}}
    did = {"key": "did-demo", "when": {"did": {"kind": "demo.*"}}, "then": {"tag": {"add": ["demo"]}}}
    await put(client, CLEAN, demo, did)
    await nurture()
    assert await outcomes(client) == [("clean-valid", "moved"), ("did-demo", "tagged")]
    time.pass_(days=1)
    await put(client, CLEAN, demo, did, {**CHURN_IDLE, "when": {"idle_days": 0.5}})
    await nurture()
    assert (await outcomes(client))[2:] == [("churn-idle", "moved")]
    assert [one["version"] for one in await firings(client)] == [1, 1, 2]


async def test_one_timer_is_set_and_looked_at_anew(
    client: AsyncClient, nurture: Run, time: Clock, engine: AsyncEngine
) -> None:
    await put(client, CHURN_IDLE)
    one = await lead(client, "ann@example.com")
    await move(client, one["id"], "clean")
    await nurture()
    for _ in range(3):
        time.pass_(days=9)
        await act(client, one["id"], "page.visited")
        await nurture()
        assert await timers(engine) == [START + timedelta(days=30)]
    time.pass_(days=3)
    await nurture()
    assert await timers(engine) == [START + timedelta(days=57)]
    assert await outcomes(client) == []
    time.pass_(days=27)
    await nurture()
    assert await outcomes(client) == [("churn-idle", "moved")]
    assert await timers(engine) == []


async def timers(engine: AsyncEngine) -> list[object]:
    async with transaction(engine) as connection:
        return [row["due_at"] for row in await fetch(connection, text("SELECT due_at FROM timers ORDER BY due_at"))]


async def test_a_reminder_comes_once_in_each_idle_time(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await put(client, {"key": "remind", "when": {"idle_days": 7}, "then": {"announce": True}})
    one = await lead(client, "ann@example.com")
    await nurture()
    for _ in range(3):
        time.pass_(days=7)
        await nurture()
    assert await outcomes(client) == [("remind", "announced")]
    await act(client, one["id"], "page.visited")
    await nurture()
    time.pass_(days=7)
    await nurture()
    assert await outcomes(client) == [("remind", "announced")] * 2


@pytest.mark.parametrize(("once_per", "times"), [(None, 3), ("stage", 3), ("journey", 2), ("lead", 1)])
async def test_how_often_it_fires(client: AsyncClient, nurture: Run, once_per: str | None, times: int) -> None:
    """In cleaned, in the cleaned of the second journey, and in nurtured; however much happens in between."""
    one = {"key": "tell", "when": {"stages": ["cleaned", "nurtured"]}, "then": {"announce": True}, "once_per": once_per}
    await put(client, one)
    lead_id = (await lead(client, "ann@example.com"))["id"]
    for event in ("clean", "churn", "reactivate", "clean", "nurture"):
        await move(client, lead_id, event, **({"reason": "price"} if event == "churn" else {}))
        await nurture()
        await client.patch(f"/v1/leads/{lead_id}", json={"tags": [event]})
        await nurture()
    assert await outcomes(client) == [("tell", "announced")] * times


async def test_a_stay_that_begins_a_little_ahead_of_the_clock(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await put(client, {"key": "tell", "when": {"stages": ["cleaned"]}, "then": {"announce": True}})
    one = await lead(client, "ann@example.com")
    await move(client, one["id"], "clean", occurred_at=(time.at + timedelta(minutes=4)).isoformat())
    await nurture()
    await client.patch(f"/v1/leads/{one['id']}", json={"tags": ["a"]})
    await nurture()
    assert await outcomes(client) == [("tell", "announced")]


async def test_a_correction_is_no_new_stay(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await put(client, {"key": "tell", "when": {"stages": ["nurtured"]}, "then": {"announce": True}})
    one = await lead(client, "ann@example.com")
    time.pass_(hours=1)
    await move(client, one["id"], "nurture", allow_skip=True)
    time.pass_(hours=1)
    await nurture()
    steps = [
        {"event": "clean", "occurred_at": (START + timedelta(minutes=30)).isoformat()},
        {"event": "nurture", "occurred_at": (START + timedelta(hours=1)).isoformat()},
    ]
    body = {"from_sequence": 2, "transitions": steps, "reason": "it was cleaned before"}
    assert (await client.post(f"/v1/leads/{one['id']}/corrections", json=body)).status_code in {200, 201}
    await nurture()
    assert await outcomes(client) == [("tell", "announced")]


async def test_a_score_that_is_reached_and_one_that_is_there(client: AsyncClient, scored: Run) -> None:
    """The first fires when the score comes from below; the second while the lead stays in its stage, once."""
    rules = {"fit": [{"key": "boss", "points": 60, "job_title": ["Director"]}]}
    assert (await client.put("/v1/scoring-rules", json=rules)).status_code == 200
    tell = {"key": "tell", "when": {"on": {"score_reached": 50}}, "then": {"announce": True}}
    qualify = {"key": "qualify", "when": {"score_gte": 60}, "then": {"move": {"event": "qualify"}}}
    await put(client, CLEAN, tell, qualify)
    one = await lead(client, "ann@example.com", job_title="Buyer")
    await scored()
    assert await stage(client, one["id"]) == "cleaned"
    await client.patch(f"/v1/leads/{one['id']}", json={"job_title": "Director"})
    await scored()
    assert await stage(client, one["id"]) == "opportunity"
    fired = (await firings(client))[1:]
    assert [(each["policy"], each["why"]) for each in fired] == [
        ("tell", {"stage": "cleaned", "score_reached": 50, "score": 60, "previous_score": 0}),
        ("qualify", {"stage": "cleaned", "score": 60}),
    ]


async def test_old_news_triggers_nothing(client: AsyncClient, nurture: Run, time: Clock) -> None:
    demo = {"key": "demo", "when": {"on": {"activity": {"kind": "demo.*"}}}, "then": {"announce": True}}
    created = {"key": "created", "when": {"on": {"created": True}}, "then": {"announce": True}}
    await put(client, demo, created, stale_after_days=7)
    one = await lead(client, "ann@example.com", occurred_at=(START - timedelta(days=30)).isoformat())
    await act(client, one["id"], "demo.requested", occurred_at=(START - timedelta(days=8)).isoformat())
    await nurture()
    assert await outcomes(client) == []
    await act(client, one["id"], "demo.requested", occurred_at=(START - timedelta(days=6)).isoformat())
    await nurture()
    assert await outcomes(client) == [("demo", "announced")]


async def test_segments_and_filters_are_conditions(client: AsyncClient, nurture: Run) -> None:
    await client.post("/v1/segments", json={"key": "dach", "filters": {"country": ["DE", "AT", "CH"]}})
    when = {"segment": "dach", "filters": {"industry": "steel", "attributes.seats_gte": 10}}
    await put(client, {"key": "big", "when": when, "then": {"tag": {"add": ["big"]}}})
    one = await lead(client, "ann@example.com", company={"country": "DE", "industry": "steel"}, attributes={"seats": 9})
    await nurture()
    assert await outcomes(client) == []
    await client.patch(f"/v1/leads/{one['id']}", json={"attributes": {"seats": 10}})
    await nurture()
    assert (await read(client, one["id"]))["tags"] == ["big"]
    (fired,) = await firings(client)
    assert fired["why"] == {"stage": "acquired", "segment": "dach", "filters": ["attributes.seats_gte", "industry"]}
    await client.delete("/v1/segments/dach")
    other = await lead(
        client, "bob@example.com", company={"country": "DE", "industry": "steel"}, attributes={"seats": 10}
    )
    await nurture()
    assert (await read(client, other["id"]))["tags"] == []


async def test_what_a_policy_did_triggers_no_policy(client: AsyncClient, nurture: Run) -> None:
    """Two that change tags back and forth would otherwise never end, without a single move."""
    swap = [
        {
            "key": f"{one}-to-{other}",
            "when": {"on": {"changed": ["tags"]}, "filters": {"tag": one}},
            "then": {"tag": {"add": [other], "remove": [one]}},
        }
        for one, other in (("a", "b"), ("b", "a"))
    ]
    await put(client, *swap)
    one = await lead(client, "ann@example.com")
    await client.patch(f"/v1/leads/{one['id']}", json={"tags": ["a"]})
    await nurture()
    assert len(await outcomes(client)) == 2
    assert (await read(client, one["id"]))["tags"] == ["a"]


async def test_teams_get_leads_by_policy(client: AsyncClient, nurture: Run) -> None:
    answer = await client.put("/v1/teams/inbound", json={"members": [{"owner": "eve"}, {"owner": "max"}]})
    assert answer.status_code in {200, 201}, answer.text
    await put(client, CLEAN, {"key": "give", "when": {"stages": ["cleaned"]}, "then": {"assign": {"team": "inbound"}}})
    ids = [(await lead(client, f"a{number}@example.com"))["id"] for number in range(4)]
    await nurture()
    owners = [(await read(client, lead_id))["owner"] for lead_id in ids]
    assert sorted(owners) == ["eve", "eve", "max", "max"]
    events = (await client.get("/v1/events", params={"limit": 500})).json()["data"]
    told = [event["data"]["assignment"] for event in events if event["type"] == "lead.assigned"]
    assert {(one["team"], one["rule"], one["version"], one["why"]["policy"]) for one in told} == {
        ("inbound", "policy:give", 1, "give")
    }


async def test_who_could_take_it_nobody_is_said_once(client: AsyncClient, nurture: Run) -> None:
    await client.put("/v1/teams/inbound", json={"members": [{"owner": "eve", "active": False}]})
    await put(client, {"key": "give", "when": {"has_owner": False}, "then": {"assign": {"team": "inbound"}}})
    one = await lead(client, "ann@example.com")
    for tags in (["a"], ["b"]):
        await nurture()
        await client.patch(f"/v1/leads/{one['id']}", json={"tags": tags, "owner": None})
    await nurture()
    assert [(one["outcome"], one["why"]["refused"]) for one in await firings(client)] == [
        ("refused", "nobody_available")
    ]
    assert await stage(client, one["id"]) == "acquired"


async def test_counts_by_policy(client: AsyncClient, nurture: Run, time: Clock) -> None:
    gone = {"key": "gone", "when": {}, "then": {"tag": {"add": ["x"]}}}
    await put(client, CLEAN, gone)
    one = await lead(client, "ann@example.com")
    await nurture()
    time.pass_(hours=1)
    await put(client, CLEAN | {"label": "Clean"})
    told = (await client.get("/v1/policies/statistics", params={"days": 7})).json()
    counts = [(each["policy"], each["label"], each["enabled"], each["moved"], each["tagged"]) for each in told["data"]]
    assert counts == [("clean-valid", "Clean", True, 1, 0), ("gone", None, None, 0, 1)]
    assert [item["kind"] for item in await timeline(client, one["id"])].count("policy") == 2


async def test_what_was_decided_of_a_person_is_in_their_export(client: AsyncClient, nurture: Run) -> None:
    await put(client, CLEAN)
    one = await lead(client, "ann@example.com")
    await nurture()
    assert (await client.get(f"/v1/leads/{one['id']}/export")).json()["policies"] == await firings(client)


async def test_firings_are_paged_and_filtered(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await put(client, CLEAN, {"key": "tag", "when": {"stages": ["cleaned"]}, "then": {"tag": {"add": ["x"]}}})
    for number in range(3):
        await lead(client, f"a{number}@example.com")
        await nurture()
        time.pass_(days=1)
    since = (START + timedelta(days=1)).isoformat()
    assert len(await firings(client, since=since)) == 4
    assert {one["policy"] for one in await firings(client, policy="tag")} == {"tag"}
    assert {one["outcome"] for one in await firings(client, outcome="moved")} == {"moved"}
    seen, cursor = list[str](), None
    while True:
        page = (
            await client.get("/v1/policies/firings", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [one["id"] for one in (await firings(client))[::-1]]
