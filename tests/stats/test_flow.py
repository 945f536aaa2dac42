"""Flow and occupancy, held against a plain count of the ledger and against the funnel of the period."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.lifecycle.ledger import Journey, Transition
from service.stats import operations
from service.stats.schemas.flow import FlowOut, FlowQuery, OccupancyOut, OccupancyQuery
from tests.stats.recounting import NOW, STAGES, listed
from tests.stats.worlds import Person

FLOWS: list[dict[str, Any]] = [
    {},
    {"from": "2025-03-01", "to": "2025-04-01"},
    {"from": "2025-03-01", "to": "2025-06-01", "interval": "month", "tz": "Europe/Berlin", "group_by": ["channel"]},
    {"interval": "quarter", "group_by": ["country"], "channel": ["web"]},
    {"from": "2025-03-01T00:07:00Z", "unit": "lead"},
]


def instant(text: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else text


def moves_of(people: list[Person], *, unit: str = "journey") -> list[tuple[Person, Journey, Transition]]:
    """Every counted move with its lead and the journey it came into."""
    found = []
    for person in people:
        if person.test:
            continue
        journeys = {journey.number: journey for journey in person.journeys}
        for move in person.moves:
            journey = journeys[move.journey]
            if unit == "journey" or journey.entry_stage == "acquired":
                found.append((person, journey, move))
    return found


@pytest.mark.parametrize("case", FLOWS)
async def test_every_link_is_a_count_of_moves(engine: AsyncEngine, world: list[Person], case: dict[str, Any]) -> None:
    async with transaction(engine) as connection:
        answer = await operations.flow(connection, FlowQuery.model_validate({**case, "distinct": True}), now=NOW)
        FlowOut.model_validate(answer, strict=True)
        quick = await operations.flow(connection, FlowQuery.model_validate(case), now=NOW)
        followed = 0
        for group, same in zip(answer["groups"], quick["groups"], strict=True):
            for bucket, other in zip(group["buckets"], same["buckets"], strict=True):
                expected, people = defaultdict(int), defaultdict(set)
                for person, journey, move in moves_of(world, unit=case.get("unit", "journey")):
                    held = {"channel": journey.channel, "country": person.country}
                    if any(held[name] != wanted for name, wanted in group["key"].items()):
                        continue
                    if "channel" in case and journey.channel not in case["channel"]:
                        continue
                    if (bucket["from"] or datetime(1, 1, 1, tzinfo=UTC)) <= move.occurred_at < bucket["to"]:
                        expected[move.from_stage, move.to_stage] += 1
                        people[move.from_stage, move.to_stage].add(person.id)
                links = {(link["source"], link["target"]): link for link in bucket["links"]}
                assert {pair: link["moves"] for pair, link in links.items()} == dict(expected)
                assert {pair: link["distinct_leads"] for pair, link in links.items()} == {
                    pair: len(found) for pair, found in people.items()
                }
                assert [link | {"distinct_leads": None} for link in bucket["links"]] == other["links"]
                for link in bucket["links"][::3]:
                    assert await listed(connection, link["leads"]) == link["moves"]
                    followed += 1
        assert followed > 3


OCCUPANCIES: list[dict[str, Any]] = [
    {},
    {"at": "2025-04-01"},
    {"at": "2025-04-01T10:11:12Z", "group_by": ["channel"]},
    {"from": "2025-03-27", "to": "2025-04-02", "tz": "Europe/Berlin"},
    {"from": "2025-01-01", "to": "2025-12-31", "interval": "month", "group_by": ["country"]},
]


@pytest.mark.parametrize("case", OCCUPANCIES)
async def test_everybody_stands_somewhere(engine: AsyncEngine, world: list[Person], case: dict[str, Any]) -> None:
    async with transaction(engine) as connection:
        answer = await operations.occupancy(connection, OccupancyQuery.model_validate(case), now=NOW)
        OccupancyOut.model_validate(answer, strict=True)
        for number, point in enumerate(answer["totals"]["points"]):
            standing = dict.fromkeys(STAGES, 0)
            for person in world:
                before = [move for move in person.moves if move.occurred_at < point["at"]]
                if before and not person.test:
                    standing[before[-1].to_stage] += 1
            assert point["stages"] == standing
            assert point["total"] == sum(standing.values())
            for stage in STAGES:
                assert sum(group["points"][number]["stages"][stage] for group in answer["groups"]) == standing[stage]
        last = answer["groups"][0]["points"][-1]
        for stage, address in last["leads"].items():
            assert await listed(connection, address) == last["stages"][stage]
        assert await listed(connection, last["total_leads"]) == last["total"] > 0


async def test_all_that_stand_somewhere_are_listed(client: AsyncClient, world: list[Person]) -> None:
    answer = (
        await client.get("/v1/stats/occupancy?group_by=channel&from=2025-01-01&to=2025-07-01&interval=quarter")
    ).json()
    points = [point for group in [*answer["groups"], answer["totals"]] for point in group["points"]]
    assert sum(point["total"] for point in points) > 10
    for point in points:
        listed = await client.get(point["total_leads"] + "&count=true")
        assert (listed.status_code, listed.json().get("total")) == (200, point["total"]), listed.text
    assert (await client.get(points[0]["total_leads"].replace("closing", "opening"))).status_code == 200


async def test_without_leads_nothing_flows(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        answer = await operations.flow(connection, FlowQuery(interval="month"), now=NOW)
        assert answer["totals"]["buckets"] == []
        answer = await operations.occupancy(connection, OccupancyQuery(), now=NOW)
        assert answer["totals"]["points"][0]["total"] == 0
