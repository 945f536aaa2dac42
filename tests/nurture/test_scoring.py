"""The score of a lead: points by rules, a ledger that adds up, and what becomes of it when facts or rules change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from jsonschema import Draft202012Validator
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.nurture.engine import Nurture
from service.nurture.scoring import store
from service.nurture.scoring.reacting import REACTION
from service.outbound.catalogue import EVENT_TYPES
from tests.intake.imports.test_leads_file import imported

Score = Callable[[], Awaitable[None]]
Rules = Callable[..., Awaitable[None]]

DEMO = {"key": "demo", "label": "Asked for a demo", "kind": "demo.requested", "points": 40, "half_life_days": 10}
OPENS = {"key": "opens", "kind": "email.*", "points": 5, "half_life_days": 30, "per_day": 2, "at_most": 3}
STEEL = {"key": "steel", "points": 20, "when": {"industry": ["steel", "foundries"], "attributes.seats_gte": 10}}


@pytest.fixture
def settle(engine: AsyncEngine) -> Score:
    """Let the reaction run until it finds nothing more to do."""
    nurture = Nurture(engine, [REACTION])

    async def run() -> None:
        while await nurture.run():
            pass

    return run


@pytest.fixture
def rules(client: AsyncClient, settle: Score) -> Rules:
    async def write(**given: Any) -> None:
        answer = await client.put("/v1/scoring-rules", json=given)
        assert answer.status_code == 200, answer.text
        await settle()

    return write


async def lead(client: AsyncClient, name: str = "ada", **given: Any) -> str:
    answer = await client.post("/v1/leads", json={"email": f"{name}@example.com", **given})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


async def did(client: AsyncClient, lead_id: str, kind: str, *, ago: float = 0, **given: Any) -> str:
    at = (clock.now() - timedelta(days=ago)).isoformat()
    answer = await client.post("/v1/activities", json={"lead_id": lead_id, "kind": kind, "occurred_at": at, **given})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


async def explained(client: AsyncClient, lead_id: str, **query: Any) -> dict[str, Any]:
    """Return the explanation, having added it up."""
    answer = await client.get(f"/v1/leads/{lead_id}/score", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert sum(entry["now"] for entry in told["entries"]) == told["score"]
    return told


async def shown(client: AsyncClient, lead_id: str) -> int:
    score: int = (await client.get(f"/v1/leads/{lead_id}")).json()["score"]
    return score


async def changes(client: AsyncClient) -> list[dict[str, Any]]:
    events = (await client.get("/v1/events", params={"type": "lead.score_changed", "limit": 500})).json()["data"]
    for event in events:
        Draft202012Validator(EVENT_TYPES["lead.score_changed"].schema).validate(event)
        why, data = event["data"]["why"], event["data"]
        told = sum(one["points"] - one["previous_points"] for one in why)
        assert told == data["score"] - data["previous_score"]
        assert data["lead"]["score"] == data["score"]
    return events


async def test_fit_and_engagement_add_up(client: AsyncClient, rules: Rules, settle: Score) -> None:
    await rules(fit=[STEEL], engagement=[DEMO, OPENS])
    ada = await lead(client, company={"industry": "steel"}, attributes={"seats": 12})
    await did(client, ada, "email.opened")
    await did(client, ada, "email.clicked", ago=29.9)
    asked = await did(client, ada, "demo.requested", ago=10)
    await did(client, ada, "page.visited")
    await settle()
    told = await explained(client, ada)
    assert told["score"] == await shown(client, ada) == 20 + 5 + 3 + 20
    by_rule = {(entry["rule"], entry["now"]): entry for entry in told["entries"]}
    demo = by_rule["demo", 20]
    assert (demo["points"], demo["text"]) == (40, "Asked for a demo: demo.requested")
    assert demo["activity"]["id"] == asked
    assert by_rule["steel", 20]["activity"] is None
    assert [one["rule"] for one in (await changes(client))[-1]["data"]["why"]] == ["steel", "demo", "opens", "opens"]


async def test_only_so_many_of_a_day_and_in_all_count(client: AsyncClient, rules: Rules, settle: Score) -> None:
    await rules(engagement=[OPENS])
    ada = await lead(client)
    for _ in range(4):
        await did(client, ada, "email.opened", ago=3)
    await settle()
    assert [entry["rule"] for entry in (await explained(client, ada))["entries"]] == ["opens"] * 2
    new = [await did(client, ada, "email.opened", ago=ago) for ago in (2, 1)]
    await settle()
    told = await explained(client, ada)
    assert len(told["entries"]) == 3
    assert set(new) < {entry["activity"]["id"] for entry in told["entries"]}
    ledger = (await client.get(f"/v1/leads/{ada}/score-entries")).json()["data"]
    assert [one["ended_because"] for one in ledger].count("outnumbered") == 1


async def test_only_the_newest_of_very_many_are_looked_at(
    client: AsyncClient, rules: Rules, settle: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_ACTIVITIES", 3)
    await rules(engagement=[{"key": "opens", "kind": "email.opened", "points": 5}])
    ada = await lead(client)
    for ago in (5, 4, 3, 2, 1):
        await did(client, ada, "page.visited", ago=ago)
        await did(client, ada, "email.opened", ago=ago)
        await settle()
    assert (await explained(client, ada))["score"] == await shown(client, ada) == 15
    ledger = (await client.get(f"/v1/leads/{ada}/score-entries")).json()["data"]
    assert [one["ended_because"] for one in ledger] == [None, None, None, "outnumbered", "outnumbered"]


async def test_what_is_asked_of_an_activity(client: AsyncClient, rules: Rules, settle: Score) -> None:
    await rules(
        engagement=[
            {"key": "prices", "kind": "page.visited", "points": 7, "data": {"url": ["/pricing", "/plans/*"]}},
            {"key": "happy", "kind": ["survey.answered", "nps.answered"], "points": 11, "rating_gte": 0.9},
            {"key": "cross", "kind": "survey.answered", "points": -13, "rating_lte": 0.25},
            {"key": "fair", "kind": "*", "points": 100, "channel": ["fair"]},
        ],
        floor=None,
    )
    ada = await lead(client)
    for kind, given in (
        ("page.visited", {"data": {"url": "/pricing"}}),
        ("page.visited", {"data": {"url": "/plans/pro"}}),
        ("page.visited", {"data": {"url": "/jobs"}}),
        ("page.visited", {}),
        ("nps.answered", {"rating": {"value": 9, "worst": 0, "best": 10}}),
        ("nps.answered", {"rating": {"value": 8, "worst": 0, "best": 10}}),
        ("survey.answered", {"rating": {"value": 2, "worst": 1, "best": 5}}),
        ("survey.answered", {"channel": "fair"}),
    ):
        await did(client, ada, kind, **given)
    await settle()
    assert sorted(entry["points"] for entry in (await explained(client, ada))["entries"]) == [-13, 7, 7, 11, 100]


async def test_what_is_asked_of_a_lead(client: AsyncClient, rules: Rules, settle: Score) -> None:
    await rules(
        fit=[
            {"key": "decides", "points": 10, "job_title": ["head", "CTO", "总监"], "verdict": ["valid", "suspect"]},
            {"key": "nowhere", "points": -3, "when": {"country": None}},
        ],
        floor=None,
    )
    titles = {"Head of Sales": 7, "Headhunter": -3, "Deputy cto": 7, "市场总监": 7, None: -3}
    found = {}
    for number, title in enumerate(titles):
        one = await lead(client, f"a{number}", **({"job_title": title} if title else {}))
        await settle()
        found[title] = await shown(client, one)
    assert found == titles


async def test_points_that_do_not_hold_any_more_are_taken_back(
    client: AsyncClient, rules: Rules, settle: Score
) -> None:
    await rules(fit=[STEEL], engagement=[DEMO])
    ada = await lead(client, company={"industry": "steel"}, attributes={"seats": 12})
    await settle()
    await client.patch(f"/v1/leads/{ada}", json={"attributes": {"seats": 9}})
    await settle()
    assert await shown(client, ada) == 0
    (entry,) = (await client.get(f"/v1/leads/{ada}/score-entries")).json()["data"]
    assert entry["ended_because"] == "no_longer_true"
    items = [
        item for item in (await client.get(f"/v1/leads/{ada}/timeline")).json()["data"] if item["kind"] == "points"
    ]
    assert [item["data"]["change"] for item in items] == [20, -20]
    held = (await client.get(f"/v1/leads/{ada}/export")).json()
    assert [one["ended_because"] for one in held["score_entries"]] == ["no_longer_true"]
    why = [event["data"]["why"][0] for event in await changes(client)]
    assert [(one["points"], one["previous_points"]) for one in why] == [(20, 0), (0, 20)]


async def test_rules_that_change_are_tried_on_everybody(client: AsyncClient, rules: Rules, settle: Score) -> None:
    await rules(fit=[STEEL], engagement=[DEMO])
    ada = await lead(client, company={"industry": "steel"}, attributes={"seats": 12})
    await did(client, ada, "demo.requested")
    await settle()
    before = {entry["rule"]: entry["id"] for entry in (await explained(client, ada))["entries"]}
    await rules(fit=[STEEL], engagement=[{**DEMO, "points": 60}], ceiling=70)
    told = await explained(client, ada)
    after = {entry["rule"]: entry for entry in told["entries"] if entry["rule"]}
    assert told["score"] == await shown(client, ada) == 70
    assert [entry["now"] for entry in told["entries"] if entry["kind"] == "bound"] == [-10]
    assert after["steel"]["id"] == before["steel"]
    assert (after["steel"]["version"], after["demo"]["version"]) == (1, 2)
    assert after["demo"]["text"] == "Asked for a demo: demo.requested"
    await rules()
    assert await shown(client, ada) == 0
    ledger = (await client.get(f"/v1/leads/{ada}/score-entries")).json()["data"]
    assert [one["ended_because"] for one in ledger] == ["rule_changed"] * 3


async def test_a_score_decays_and_is_told_when_it_does(
    client: AsyncClient, rules: Rules, settle: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rules(engagement=[{**DEMO, "half_life_days": 2}])
    ada = await lead(client)
    await did(client, ada, "demo.requested")
    await settle()
    start = clock.now()
    seen: list[tuple[float, int]] = []
    for hours in range(0, 24 * 14, 6):
        at = start + timedelta(hours=hours)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        await settle()
        score = await shown(client, ada)
        exact = (await explained(client, ada, at=at.isoformat()))["score"]
        # What the lead shows may be behind, but not for longer than a day, nor on the other side of a threshold.
        assert (score >= 25) == (exact >= 25)
        if not seen or seen[-1][1] != score:
            seen.append((hours / 24, score))
    assert seen[0] == (0, 40)
    assert seen[-1][1] == 0
    times = [datetime.fromisoformat(event["timestamp"]) for event in await changes(client)]
    assert len(times) == len(seen)
    # Once a day, and once more for the threshold.
    assert len(seen) < 16
    (entry,) = (await client.get(f"/v1/leads/{ada}/score-entries")).json()["data"]
    assert (entry["ended_because"], entry["ended_at"]) == ("faded", entry["fades_at"])
    # Nobody is woken any more.
    await settle()


async def test_a_merge_brings_the_points_along_and_its_undoing_takes_them_away(
    client: AsyncClient, rules: Rules, settle: Score
) -> None:
    await rules(fit=[STEEL], engagement=[DEMO, OPENS])
    ada = await lead(client, "ada", company={"industry": "steel"}, attributes={"seats": 12})
    twin = await lead(client, "twin")
    await did(client, ada, "email.opened")
    await did(client, twin, "demo.requested")
    await settle()
    before = [(await explained(client, one))["entries"] for one in (ada, twin)]
    merge = (await client.post(f"/v1/leads/{ada}/merge", json={"duplicate_id": twin})).json()
    await settle()
    assert await shown(client, ada) == (await explained(client, ada))["score"] == 65
    gone = await client.get(f"/v1/leads/{twin}/score")
    assert gone.status_code == 308
    await client.post(f"/v1/merges/{merge['id']}/undo")
    await settle()
    assert [(await explained(client, one))["entries"] for one in (ada, twin)] == before
    assert (await shown(client, ada), await shown(client, twin)) == (25, 40)


async def test_an_import_of_activities_that_is_reverted_takes_its_points_along(
    client: AsyncClient, rules: Rules, settle: Score, worker: Score
) -> None:
    await rules(engagement=[DEMO])
    ada = await lead(client)
    done = await imported(client, worker, "email,type\nada@example.com,demo.requested\n", kind="activities")
    await settle()
    assert await shown(client, ada) == 40
    assert (await client.post(f"/v1/imports/{done['id']}/revert")).status_code == 202
    await worker()
    await settle()
    assert await shown(client, ada) == (await explained(client, ada))["score"] == 0
    (entry,) = (await client.get(f"/v1/leads/{ada}/score-entries")).json()["data"]
    assert entry["ended_because"] == "activity_gone"


async def test_an_erased_lead_keeps_its_numbers_and_is_not_scored_again(
    client: AsyncClient, rules: Rules, settle: Score
) -> None:
    await rules(engagement=[DEMO])
    ada = await lead(client)
    await did(client, ada, "demo.requested")
    await settle()
    await client.post(f"/v1/leads/{ada}/erasure", json={})
    await rules(engagement=[{**DEMO, "points": 50}])
    assert (await client.get(f"/v1/leads/{ada}/score")).status_code == 410
    assert (await client.get(f"/v1/leads/{ada}/score-entries")).status_code == 410


async def test_the_score_as_it_was_then(client: AsyncClient, rules: Rules, settle: Score) -> None:
    await rules(fit=[STEEL], engagement=[DEMO])
    ada = await lead(client, company={"industry": "steel"}, attributes={"seats": 12})
    await settle()
    then = clock.now().isoformat()
    await did(client, ada, "demo.requested", ago=5)
    await client.patch(f"/v1/leads/{ada}", json={"company": {"industry": "food"}})
    await settle()
    assert (await explained(client, ada, at=then))["score"] == 20
    assert (await explained(client, ada))["score"] == 28


async def test_rules_that_cannot_be_are_refused(client: AsyncClient) -> None:
    for body, pointer in (
        ({"fit": [{"key": "a", "points": 1}]}, "/fit/0"),
        ({"fit": [{"key": "a", "points": 0, "verdict": ["valid"]}]}, "/fit/0/points"),
        ({"fit": [{"key": "a", "points": 1, "when": {"score_band": "from-75"}}]}, "/fit/0/when/score_band"),
        ({"fit": [{"key": "a", "points": 1, "when": {"shoe_size": 3}}]}, "/fit/0/when/shoe_size"),
        ({"engagement": [{"key": "a", "points": 1, "kind": "x", "half_life_days": None}]}, "/engagement/0"),
        ({"engagement": [DEMO, DEMO]}, ""),
        ({"floor": 5, "ceiling": 4}, ""),
    ):
        answer = await client.put("/v1/scoring-rules", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.get("/v1/scoring-rules")).json()["version"] == 0
