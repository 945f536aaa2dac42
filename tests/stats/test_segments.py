"""Segments: filters with a name, in every question, every address and the lead list."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.stats import operations
from service.stats.drilldown import behind_figure
from service.stats.question import Filter, Segment
from service.stats.schemas.funnel import FunnelOut, FunnelQuery
from service.stats.segments.checking import segment_of
from tests.stats import recounting
from tests.stats.recounting import NOW, assert_same, check_addresses, recount, value
from tests.stats.test_as_of import QUESTIONS, addresses

Json = dict[str, Any]


async def _save(client: AsyncClient, key: str, **filters: Any) -> Json:
    answer = await client.post("/v1/segments", json={"key": key, "filters": filters})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_kept_and_changed(client: AsyncClient):
    filters = {"country": ["DE", None], "attributes.seats_gte": 10.0, "attributes.beta": True}
    saved = await _save(client, "dach", **filters)
    assert saved["filters"] == {
        "country": ["DE", None],
        "attributes.seats_gte": ["10"],
        "attributes.beta": ["true"],
    }
    assert saved["leads"] == "/v1/leads?segment=dach"
    assert (await client.get("/v1/segments/dach")).json() == saved
    patched = await client.patch("/v1/segments/dach", json={"label": "行业", "filters": {"country": "AT"}})
    assert (patched.json()["label"], patched.json()["filters"]) == ("行业", {"country": ["AT"]})
    await _save(client, "other", channel="web")
    first = (await client.get("/v1/segments?limit=1")).json()
    rest = (await client.get(f"/v1/segments?limit=1&cursor={first['next_cursor']}")).json()
    assert [one["key"] for page in (first, rest) for one in page["data"]] == ["dach", "other"]
    again = await client.post("/v1/segments", json={"key": "dach", "filters": {"country": "DE"}})
    assert (again.status_code, again.json()["code"]) == (409, "segment_exists")
    assert (await client.delete("/v1/segments/dach")).status_code == 204
    for method, path in (("GET", "dach"), ("DELETE", "dach"), ("PATCH", "dach")):
        gone = await client.request(method, f"/v1/segments/{path}", json={"label": "x"} if method == "PATCH" else None)
        assert (gone.status_code, gone.json()["code"]) == (404, "segment_not_found")


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [
        ({}, "/filters"),
        ({"colour": "red"}, "/filters/colour"),
        ({"country": "Germany"}, "/filters/country"),
        ({"country": []}, None),
        ({"industry": ""}, "/filters/industry"),
        ({"industry": "a\0"}, None),
        ({"score_band": "high"}, "/filters/score_band"),
        ({"entry_stage": "won"}, "/filters/entry_stage"),
        ({"attributes.": "x"}, "/filters/attributes."),
        ({"attributes.seats_gte": "many"}, "/filters/attributes.seats_gte"),
        ({"attributes.seats_gte": [10, None]}, "/filters/attributes.seats_gte"),
        ({"attributes.plan": "gold"}, "/filters/attributes.plan"),
        ({"attributes.plan_gte": 3}, "/filters/attributes.plan_gte"),
        ({"attributes.beta": "perhaps"}, "/filters/attributes.beta"),
        ({"attributes.since": "2026-02-30"}, "/filters/attributes.since"),
        ({"attributes.size": "NaN"}, "/filters/attributes.size"),
    ],
)
async def test_what_cannot_be_filtered_by_is_refused(client: AsyncClient, filters: Json, pointer: str | None):
    for key, kind in (("plan", "choice"), ("beta", "boolean"), ("since", "date"), ("size", "number")):
        body = {"key": key, "type": kind} | ({"choices": ["pro", "free"]} if kind == "choice" else {})
        assert (await client.post("/v1/attributes", json=body)).status_code == 201
    answer = await client.post("/v1/segments", json={"key": "wrong", "filters": filters})
    assert answer.status_code == 422, answer.text
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.get("/v1/segments")).json()["data"] == []


async def test_an_unknown_one_is_named_everywhere(client: AsyncClient):
    paths = [f"/v1/stats/{question}&" for question in QUESTIONS]
    for path in [*paths, "/v1/leads?", "/v1/leads?behind=funnel&stage=won&", "/v1/exports/leads?"]:
        answer = await client.get(f"{path}segment=none")
        assert answer.status_code == 422, (path, answer.text)
        assert answer.json()["errors"][0]["pointer"] == "?segment", path


async def test_every_question_carries_it(client: AsyncClient):
    ids = {}
    for number, (country, seats) in enumerate([("DE", 5), ("DE", 50), ("CN", 50), (None, 50)]):
        body = {"email": f"p{number}@example.com", "company": {"country": country}, "attributes": {"seats": seats}}
        lead = (await client.post("/v1/leads", json=body)).json()
        ids[country, seats] = lead["id"]
        move = {"event": "win", "allow_skip": True, "amount": "10", "currency": "EUR"}
        assert (await client.post(f"/v1/leads/{lead['id']}/transitions", json=move)).status_code == 201
    await _save(client, "large", **{"attributes.seats_gt": 10, "country": ["DE", None]})
    named = {"key": "large", "filters": {"attributes.seats_gt": ["10"], "country": ["DE", None]}}
    mine = {ids["DE", 50], ids[None, 50]}
    followed = 0
    for question in QUESTIONS:
        answer = await client.get(f"/v1/stats/{question}&segment=large")
        assert answer.status_code == 200, (question, answer.text)
        assert answer.json()["definition"]["segment"] == named
        assert answer.json()["definition"]["filters"] == {}
        for address in addresses(answer.json()):
            assert ("segment", "large") in parse_qsl(urlsplit(address).query)
            listed = await client.get(f"{address}&count=true")
            assert {lead["id"] for lead in listed.json()["data"]} <= mine
            followed += 1
    assert followed > 50
    funnel = (await client.get("/v1/stats/funnel?segment=large&country=DE")).json()
    assert (funnel["totals"]["entered"], funnel["definition"]["filters"]) == (1, {"country": ["DE"]})
    listed = (await client.get("/v1/leads?segment=large&count=true")).json()
    assert ({lead["id"] for lead in listed["data"]}, listed["total"]) == (mine, 2)
    both = (await client.get("/v1/leads?segment=large&missing=country")).json()
    assert [lead["id"] for lead in both["data"]] == [ids[None, 50]]
    exported = await client.get("/v1/exports/leads?segment=large", headers={"Accept": "application/x-ndjson"})
    assert exported.text.count("\n") == 2
    changed = await client.patch("/v1/segments/large", json={"filters": {"country": "CN"}})
    assert changed.status_code == 200
    after = (await client.get("/v1/stats/funnel?segment=large")).json()
    assert (after["totals"]["entered"], after["definition"]["segment"]["filters"]) == (1, {"country": ["CN"]})


SEGMENTS: list[tuple[Json, Any]] = [
    ({"country": ["DE"], "channel": ["web", None]}, lambda who, one: who.country == "DE" and one.channel in ("web", None)),
    ({"tag": ["vip"]}, lambda who, _: "vip" in who.tags),
    ({"tag": ["vip", None], "score_band": ["from-75"]}, lambda who, _: ("vip" in who.tags or not who.tags) and who.score >= 75),
    ({"entry_stage": ["opportunity"]}, lambda _, one: one.entry_stage == "opportunity"),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "holds"), SEGMENTS)
async def test_recounted(client: AsyncClient, engine: AsyncEngine, world, monkeypatch, filters: Json, holds):
    segment = segment_of("some", filters)
    monkeypatch.setattr(
        recounting, "behind_figure", lambda pairs, *, now: behind_figure(pairs, now=now, segment=segment)
    )
    everybody = [(person, one) for person in world if not person.test for one in person.journeys]
    for more in ({}, {"group_by": ["tag"]}, {"group_by": ["country"], "country": ["DE", "CN"]}, {"mode": "period"}):
        query = FunnelQuery.model_validate({"segment": "some", **more}).within(segment)
        async with transaction(engine) as connection:
            answer = await operations.funnel(connection, query, now=NOW)
            FunnelOut.model_validate(answer, strict=True)
            await check_addresses(connection, answer)
        if "mode" in more:
            continue
        countries = more.get("country", (None, "DE", "CN"))
        chosen = [(who, one) for who, one in everybody if holds(who, one) and who.country in countries]
        assert_same(answer["totals"], recount([one for _, one in chosen]))
        for group in answer["groups"] if "group_by" in more else ():
            ((name, held),) = group["key"].items()
            if name == "tag":
                mine = [one for who, one in chosen if (held in who.tags if held is not None else not who.tags)]
            else:
                mine = [one for who, one in chosen if value(who, one, name) == held]
            assert_same(group, recount(mine))
        if more == {"group_by": ["tag"]} and filters == {"tag": ["vip"]}:
            assert {group["key"]["tag"] for group in answer["groups"]} == {"vip", "fair", "old"}
    await _save(client, "some", **filters)
    listed = (await client.get("/v1/leads?segment=some&count=true&limit=1")).json()["total"]
    assert listed == sum(any(holds(person, one) for one in person.journeys) for person in world)


def test_it_is_a_questions_filters():
    assert segment_of("x", {"country": ["DE", None], "attributes.seats_gte": ["10"]}) == Segment(
        "x", (Filter("country", ("DE",), missing=True), Filter("attributes.seats", ("10",), operator="gte"))
    )


async def test_scopes(key, client: AsyncClient):
    reader = {"Authorization": f"Bearer {await key('stats:read')}"}
    assert (await client.get("/v1/segments", headers=reader)).status_code == 200
    body = {"key": "x", "filters": {"country": "DE"}}
    assert (await client.post("/v1/segments", json=body, headers=reader)).status_code == 403
