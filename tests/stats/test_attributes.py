"""Custom attributes as dimensions: grouped by, filtered by, and listed."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import dumps, transaction
from service.core.errors import Invalid
from service.stats.asking import question_of
from service.stats.schemas.funnel import FunnelQuery
from tests.stats.recounting import NOW, asked, assert_same, check_addresses, recount
from tests.stats.worlds import Person

_SET = text("UPDATE leads SET attributes = CAST(:attributes AS jsonb) WHERE id = :id")


@pytest.fixture
async def known(populate, engine: AsyncEngine) -> list[tuple[Person, dict[str, Any]]]:
    """A world whose leads have attributes: each person with theirs."""
    chance = random.Random(3)
    world = []
    for person in await populate(5, 250):
        attributes = {
            "plan": chance.choice((None, "pro", "free", "unknown", 10, 10.0, True, "10")),
            "行业, 细分": chance.choice(("a & b", "软件")),
            "seats": chance.choice((1, 5, 5.5, 10, 100, "10", "many", None)),
            "renewal": chance.choice(("2026-01-01", "2026-06-30", "soon")),
        }
        world.append(
            (person, {name: value for name, value in attributes.items() if value is not None or chance.random() < 0.5})
        )
    async with transaction(engine) as connection:
        await connection.execute(_SET, [{"id": one.id, "attributes": dumps(given)} for one, given in world])
    return world


def shown(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else f"{value:g}" if isinstance(value, int | float) else value


async def test_groups(engine: AsyncEngine, known):
    counted = [(person, given) for person, given in known if not person.test]
    async with transaction(engine) as connection:
        for parameters in ({}, {"unit": "lead"}, {"skips": "strict", "window": "P30D"}):
            answer = await asked(connection, group_by=["attributes.plan,channel", "attributes.renewal"], **parameters)
            assert await check_addresses(connection, answer) > 50
        answer = await asked(connection, group_by=["attributes.plan"])
        assert {group["key"]["attributes.plan"] for group in answer["groups"]} == {
            None, "pro", "free", "unknown", "10", "true"
        }  # fmt: skip
        for group in answer["groups"]:
            value = group["key"]["attributes.plan"]
            journeys = [
                one for person, given in counted if shown(given.get("plan")) == value for one in person.journeys
            ]
            assert_same(group, recount(journeys))
        assert_same(answer["totals"], recount([one for person, _ in counted for one in person.journeys]))


@pytest.mark.parametrize(
    ("parameters", "holds"),
    [
        ({"attributes.plan": ["pro", "10"]}, lambda given: shown(given.get("plan")) in {"pro", "10"}),
        ({"missing": ["attributes.plan"]}, lambda given: given.get("plan") is None),
        ({"missing": ["attributes.plan"], "attributes.plan": ["pro"]}, lambda given: given.get("plan") in {None, "pro"}),
        ({"attributes.seats_gte": ["5"]}, lambda given: type(given.get("seats")) in {int, float} and given["seats"] >= 5),
        ({"attributes.seats_gt": ["5"], "attributes.seats_lt": ["10.5"]}, lambda given: type(given.get("seats")) in {int, float} and 5 < given["seats"] < 10.5),
        ({"attributes.renewal_lte": ["2026-01-01"]}, lambda given: given["renewal"] == "2026-01-01"),
        ({"attributes.行业, 细分": ["a & b"]}, lambda given: given["行业, 细分"] == "a & b"),
        ({"attributes.none": ["x"]}, lambda _: False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["cohort", "period"])
async def test_filters(engine: AsyncEngine, known, parameters: dict[str, Any], holds, mode: str):
    async with transaction(engine) as connection:
        answer = await asked(connection, mode=mode, **parameters)
        assert await check_addresses(connection, answer) >= 5
        grouped = await asked(connection, mode=mode, group_by=["attributes.seats"], **parameters)
        await check_addresses(connection, grouped)
    chosen = [person for person, given in known if holds(given) and not person.test]
    if mode == "cohort":
        assert_same(answer["totals"], recount([one for person in chosen for one in person.journeys]))
        assert sum(group["entered"] for group in grouped["groups"]) == answer["totals"]["entered"]
    else:
        moves = sum(len(person.moves) for person in chosen)
        assert sum(stage["in"] for stage in answer["totals"]["stages"]) == moves
    assert list(answer["definition"]["filters"]) == sorted(parameters.keys() - {"missing"}) or "missing" in parameters


async def test_over_http(client: AsyncClient):
    for number, plan in enumerate(["pro", "pro", "free", None]):
        body = {"email": f"p{number}@example.com", "attributes": {"plan": plan, "seats": number}}
        assert (await client.post("/v1/leads", json=body)).status_code == 201
    for address in (
        "/v1/stats/funnel?group_by=attributes.plan&attributes.seats_lte=2",
        "/v1/stats/trend?group_by=attributes.plan&attributes.seats_lte=2&interval=year",
    ):
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        groups = {group["key"]["attributes.plan"]: group for group in answer.json()["groups"]}
        assert set(groups) == {"pro", "free"}
        for plan, count in (("pro", 2), ("free", 1)):
            one = groups[plan]
            # Of the trend's years the one that has any: another may have begun meanwhile.
            of_years = [bucket["leads"]["acquired"] for bucket in one.get("buckets", ()) if bucket["leads"]]
            listed = of_years[0] if of_years else one["stages"][0]["leads"]
            found = (await client.get(f"{listed}&count=true")).json()
            assert (found["total"], {lead["attributes"]["plan"] for lead in found["data"]}) == (count, {plan})
            assert ("attributes.seats_lte", "2") in parse_qsl(urlsplit(listed).query)
    missing = (await client.get("/v1/stats/funnel?missing=attributes.plan")).json()["totals"]
    assert missing["entered"] == 1
    table = (await client.get("/v1/stats/funnel?group_by=attributes.plan", headers={"Accept": "text/csv"})).text
    assert table.startswith("key.attributes.plan,")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("attributes.seats_gte=many", "?attributes.seats_gte"),
        ("group_by=attributes.", "?group_by"),
        ("group_by=attributes.plan,attributes.plan", "?group_by"),
        ("missing=attributes.", "?missing"),
        ("attributes.=x", "?attributes."),
        ("attribute.plan=x", "?attribute.plan"),
    ],
)
async def test_a_wrong_parameter_is_named(client: AsyncClient, query: str, pointer: str):
    for path in ("/v1/stats/funnel?", "/v1/leads?behind=funnel&stage=won&"):
        if "group_by" in query and "behind" in path:
            continue
        answer = await client.get(path + query)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), path


def test_no_nul_in_a_name():
    with pytest.raises(Invalid):
        question_of(FunnelQuery.model_validate({"attributes.a\0": ["x"]}), mode="cohort", now=NOW)
