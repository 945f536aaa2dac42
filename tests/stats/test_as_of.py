"""Dimensions of the lead as they were when a journey was entered: kept, never changed, counted, listed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import migrations
from service.core.database import transaction
from tests.stats.recounting import asked, assert_same, check_addresses, recount

Json = dict[str, Any]


def at_entry(person: Any, journey: Any, dimension: str) -> Any:
    kept = person.entered[journey.number - 1]
    if dimension == "score_band":
        return ("below-25", "25-49", "50-74", "from-75")[sum(kept.get("score", 0) >= bound for bound in (25, 50, 75))]
    return kept.get(dimension)


@pytest.mark.parametrize("dimension", ["industry", "country", "owner", "score_band"])
async def test_groups(engine: AsyncEngine, world, dimension: str):
    async with transaction(engine) as connection:
        answer = await asked(connection, as_of="entry", group_by=[dimension], skips="strict")
        await check_addresses(connection, answer)
    assert answer["definition"]["as_of"] == "entry"
    assert "as they were when the journey was entered" in answer["definition"]["text"]
    everybody = [(person, one) for person in world if not person.test for one in person.journeys]
    assert {group["key"][dimension] for group in answer["groups"]} == {at_entry(*one, dimension) for one in everybody}
    for group in answer["groups"]:
        mine = [one for who, one in everybody if at_entry(who, one, dimension) == group["key"][dimension]]
        assert_same(group, recount(mine, skips="strict"), skips="strict")


def has_seats(kept: Json) -> bool:
    seats = kept.get("attributes", {}).get("seats")
    return isinstance(seats, int | float) and seats > 5


@pytest.mark.parametrize(
    ("parameters", "holds"),
    [
        ({"country": ["FR"]}, lambda kept: kept.get("country") == "FR"),
        ({"missing": ["owner"]}, lambda kept: "owner" not in kept),
        ({"tag": ["vip", "old"]}, lambda kept: bool({"vip", "old"} & set(kept.get("tags", ())))),
        ({"missing": ["tag"]}, lambda kept: "tags" not in kept),
        ({"tag": ["vip"], "group_by": ["tag", "channel"]}, lambda kept: "vip" in kept.get("tags", ())),
        ({"attributes.seats_gt": ["5"]}, has_seats),
        ({"attributes.seats": ["5.5"], "missing": ["attributes.seats"]}, lambda kept: kept.get("attributes", {}).get("seats") in (None, 5.5)),
    ],
)  # fmt: skip
async def test_filters(engine: AsyncEngine, world, parameters: Json, holds):
    async with transaction(engine) as connection:
        for mode in ("cohort", "period"):
            answer = await asked(connection, as_of="entry", mode=mode, **parameters)
            await check_addresses(connection, answer)
            if mode == "cohort":
                chosen = [
                    journey
                    for person in world
                    if not person.test
                    for journey in person.journeys
                    if holds(person.entered[journey.number - 1])
                ]
                assert_same(answer["totals"], recount(chosen))


QUESTIONS = (
    "funnel?mode=cohort", "funnel?horizon=P90D", "funnel?mode=period", "trend?interval=year", "flow?distinct=true", "occupancy?",
    "cohorts?interval=year", "velocity?", "channels?", "channels?mode=period", "kpis?from=2026-01-01&to=2027-01-01", "attribution?",
    "bottlenecks?", "forecast?", "profile?",
)  # fmt: skip


async def _lead(client: AsyncClient, number: int, **body: object) -> Json:
    made = await client.post("/v1/leads", json={"email": f"p{number}@example.com", **body})
    assert made.status_code in (200, 201), made.text
    return dict(made.json())


async def _move(client: AsyncClient, lead: Json, event: str, **body: object) -> None:
    moved = await client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": event, "allow_skip": True, **body})
    assert moved.status_code == 201, moved.text


@pytest.fixture
async def moved_house(client: AsyncClient) -> Json:
    """A lead that was won when it was in Germany, went, and came back when it was in France; and a second one, never elsewhere."""
    lead = await _lead(
        client, 1, company={"country": "DE", "industry": "steel"}, tags=["vip"], attributes={"plan": "free"}
    )
    await _lead(client, 2, company={"country": "FR"})
    await _move(client, lead, "win", amount="100", currency="EUR")
    await _move(client, lead, "churn", reason="contract_ended")
    patch = {"company": {"country": "FR", "industry": None}, "tags": ["old"], "attributes": {"plan": "pro"}}
    assert (await client.patch(f"/v1/leads/{lead['id']}", json=patch)).status_code == 200
    await _move(client, lead, "reactivate")
    return lead


async def test_what_a_journey_keeps(client: AsyncClient, moved_house: Json):
    address = f"/v1/leads/{moved_house['id']}/journeys"
    kept = [
        {"country": "DE", "industry": "steel", "tags": ["vip"], "attributes": {"plan": "free"}},
        {"country": "FR", "tags": ["old"], "attributes": {"plan": "pro"}},
    ]
    assert [one["entered_as"] for one in (await client.get(address)).json()["data"]] == kept
    ledger = (await client.get(f"/v1/leads/{moved_house['id']}/transitions")).json()["data"]
    times = [row["occurred_at"] for row in ledger]
    steps = [
        {"event": "churn", "reason": "price", "occurred_at": times[2]},
        {"event": "reactivate", "occurred_at": times[3]},
    ]
    correction = {"from_sequence": 2, "reason": "it was no win", "transitions": steps}
    answer = await client.post(f"/v1/leads/{moved_house['id']}/corrections", json=correction)
    assert answer.status_code == 201, answer.text
    assert [one["entered_as"] for one in (await client.get(address)).json()["data"]] == kept


async def test_every_question_and_every_address(client: AsyncClient, moved_house: Json):
    followed = 0
    for question in QUESTIONS:
        grouped = "" if question.startswith("profile") else "&group_by=country,attributes.plan"
        answer = await client.get(f"/v1/stats/{question}&as_of=entry&country=DE&tag=vip{grouped}")
        assert answer.status_code == 200, (question, answer.text)
        assert answer.json()["definition"]["as_of"] == "entry"
        plain = await client.get(f"/v1/stats/{question}&as_of=entry")
        assert plain.status_code == 200, (question, plain.text)
        for address in addresses(answer.json()):
            assert ("as_of", "entry") in parse_qsl(urlsplit(address).query)
            listed = await client.get(f"{address}&count=true")
            assert listed.status_code == 200, listed.text
            assert {lead["id"] for lead in listed.json()["data"]} <= {moved_house["id"]}
            followed += 1
    assert followed > 50
    funnel = {
        as_of: (await client.get(f"/v1/stats/funnel?group_by=country&as_of={as_of}")).json()
        for as_of in ("now", "entry")
    }
    shown = {
        as_of: {
            group["key"]["country"]: (group["entered"], group["stages"][-1]["reached"]) for group in answer["groups"]
        }
        for as_of, answer in funnel.items()
    }
    assert shown == {"now": {"FR": (3, 1)}, "entry": {"FR": (2, 0), "DE": (1, 1)}}


def addresses(answer: Any) -> list[str]:
    """Return every address of leads in an answer."""
    if isinstance(answer, dict):
        return [one for value in answer.values() for one in addresses(value)]
    if isinstance(answer, list):
        return [one for value in answer for one in addresses(value)]
    return [answer] if isinstance(answer, str) and answer.startswith("/v1/leads?") else []


async def test_a_merge_keeps_what_each_entered_as_and_undoes_it(client: AsyncClient):
    early = await _lead(client, 1, company={"country": "DE"}, occurred_at="2026-01-01T00:00:00Z")
    late = await _lead(client, 2, company={"country": "FR"}, occurred_at="2026-02-01T00:00:00Z")

    async def kept(lead: Json) -> list[Any]:
        listed = await client.get(f"/v1/leads/{lead['id']}/journeys")
        return [one["entered_as"].get("country") for one in listed.json()["data"]]

    merged = await client.post(f"/v1/leads/{late['id']}/merge", json={"duplicate_id": early["id"]})
    assert merged.status_code == 201, merged.text
    assert await kept(late) == ["DE"]
    assert (await client.get("/v1/stats/funnel?as_of=entry&country=DE")).json()["totals"]["entered"] == 1
    assert (await client.get("/v1/stats/funnel?as_of=entry&country=FR")).json()["totals"]["entered"] == 0
    assert (await client.post(f"/v1/merges/{merged.json()['id']}/undo")).status_code == 200
    assert (await kept(early), await kept(late)) == (["DE"], ["FR"])


async def test_erasure_leaves_what_says_nothing_of_the_person(
    client: AsyncClient, engine: AsyncEngine, moved_house: Json
):
    assert (await client.post(f"/v1/leads/{moved_house['id']}/erasure")).status_code == 200
    counted = await client.get("/v1/stats/funnel?as_of=entry&country=DE")
    assert counted.json()["totals"]["entered"] == 1
    by_plan = await client.get("/v1/stats/funnel?as_of=entry&group_by=attributes.plan")
    assert [(group["key"], group["entered"]) for group in by_plan.json()["groups"]] == [({"attributes.plan": None}, 3)]


async def test_journeys_of_before_have_what_their_leads_are_now(engine: AsyncEngine, database_url: str, world):
    await engine.dispose()
    await migrations.downgrade(database_url, "2026_11_22_bodies")
    await migrations.upgrade(database_url)
    async with transaction(engine) as connection:
        for dimension in ("country", "industry", "score_band", "tag"):
            now, entry = [await asked(connection, as_of=as_of, group_by=[dimension]) for as_of in ("now", "entry")]
            assert [(group["key"], group["entered"]) for group in now["groups"]] == [
                (group["key"], group["entered"]) for group in entry["groups"]
            ]
            assert len(now["groups"]) > 2


async def test_it_is_never_changed_by_what_is_learned_later(client: AsyncClient):
    lead = await _lead(client, 1, company={"industry": "steel"}, attributes={"plan": "free"})
    again = await _lead(client, 1, company={"country": "DE"}, attributes={"plan": "pro"}, tags=["vip"])
    assert again["id"] == lead["id"]
    await _move(client, lead, "win", amount="100", currency="EUR")
    listed = (await client.get(f"/v1/leads/{lead['id']}/journeys")).json()["data"]
    assert [one["entered_as"] for one in listed] == [{"industry": "steel", "attributes": {"plan": "free"}}]
    exported = await client.get("/v1/exports/journeys", headers={"Accept": "application/x-ndjson"})
    assert exported.json()["entered_as"] == listed[0]["entered_as"]
