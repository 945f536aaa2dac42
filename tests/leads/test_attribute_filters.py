"""GET /v1/leads?attributes.…"""

from __future__ import annotations

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from service.leads import search_store
from service.leads.attributes.filters import conditions_of

GIVEN = [
    {"plan": "pro", "seats": 10, "renewal": "2026-03-01", "trial": True, "city": "Berlin", "n": 5, "d": "2025-01-01"},
    {
        "plan": "free",
        "seats": 9.5,
        "renewal": "2026-12-31",
        "trial": False,
        "city": "10",
        "n": "5",
        "likes": ["a", "b"],
    },
    {"plan": None, "seats": 100, "city": 10, "n": 50, "d": "2025-06-01", "likes": ["b"], "a_gte": "x"},
    {"city": True, "d": "soon", "行业": "软件 & 服务"},
]


@pytest.fixture
async def people(client: AsyncClient, create):
    made = [await create(email=f"p{number}@example.com", attributes=given) for number, given in enumerate(GIVEN)]
    for body in (
        {"key": "plan", "type": "choice", "choices": ["pro", "free"]},
        {"key": "seats", "type": "number"},
        {"key": "renewal", "type": "date"},
        {"key": "trial", "type": "boolean"},
    ):
        assert (await client.post("/v1/attributes", json=body)).status_code == 201
    return made


async def test_filters(client: AsyncClient, people):
    ids = [person["id"] for person in people]
    for query, found in [
        ("attributes.plan=pro", [0]),
        ("attributes.plan=pro&attributes.plan=free", [1, 0]),
        ("attributes.plan=pro&attributes.seats=9.5", []),
        ("attributes.plan=gone", []),
        ("missing=attributes.plan", [3, 2]),
        ("attributes.plan=pro&missing=attributes.plan", [3, 2, 0]),
        ("missing=attributes.plan&missing=attributes.seats", [3]),
        ("attributes.seats=10", [0]),
        ("attributes.seats=10.0", [0]),
        ("attributes.seats_gte=10", [2, 0]),
        ("attributes.seats_gt=10", [2]),
        ("attributes.seats_lte=10", [1, 0]),
        ("attributes.seats_lt=9.5", []),
        ("attributes.seats_gte=9.5&attributes.seats_lt=100", [1, 0]),
        ("attributes.seats_gte=-1e9&channel=web", []),
        ("attributes.renewal=2026-03-01", [0]),
        ("attributes.renewal_gt=2026-03-01", [1]),
        ("attributes.renewal_lte=2026-03-01", [0]),
        ("attributes.trial=true", [0]),
        ("attributes.trial=no", [1]),
        # Of what is not defined, whatever reads like it.
        ("attributes.city=10", [2, 1]),
        ("attributes.city=true", [3]),
        ("attributes.city=Berlin", [0]),
        ("attributes.city=berlin", []),
        ("attributes.n_gte=5", [2, 0]),
        ("attributes.d_gte=2025-02-01", [2]),
        ("attributes.likes=b", [2, 1]),
        ("attributes.likes=a", [1]),
        ("attributes.none=1", []),
        ("attributes.none_gte=1", []),
        ("attributes.%E8%A1%8C%E4%B8%9A=%E8%BD%AF%E4%BB%B6%20%26%20%E6%9C%8D%E5%8A%A1", [3]),
        ("attributes.city=%27%20OR%201%3D1", []),
        ("attributes.plan=pro&count=true&limit=1", [0]),
    ]:
        answer = await client.get(f"/v1/leads?{query}")
        assert answer.status_code == 200, (query, answer.text)
        assert [ids.index(lead["id"]) for lead in answer.json()["data"]] == found, query


async def test_pages_keep_the_filter(client: AsyncClient, people):
    answer = await client.get("/v1/leads?attributes.seats_gt=1&limit=2")
    more = await client.get(answer.links["next"]["url"])
    assert (len(answer.json()["data"]), len(more.json()["data"])) == (2, 1)
    cursor = answer.json()["next_cursor"]
    assert (await client.get(f"/v1/leads?attributes.seats_gt=2&limit=2&cursor={cursor}")).status_code == 422


async def test_a_wrong_filter_is_named(client: AsyncClient, people):
    for query, pointer in [
        ("attributes.seats=many", "?attributes.seats"),
        ("attributes.seats_gte=many", "?attributes.seats_gte"),
        ("attributes.renewal_lt=soon", "?attributes.renewal_lt"),
        ("attributes.plan_gte=pro", "?attributes.plan_gte"),
        ("attributes.trial=perhaps", "?attributes.trial"),
        ("attributes.city_gte=x", "?attributes.city_gte"),
        ("attributes.=x", "?attributes."),
        ("attributes=x", "?attributes"),
        ("attributesplan=x", "?attributesplan"),
        ("missing=attributes.", "?missing"),
        ("missing=mood", "?missing"),
        ("attributes.plan=%00", "?attributes.plan"),
        ("&".join(["attributes.plan=x"] * 101), "?attributes.plan"),
    ]:
        answer = await client.get(f"/v1/leads?{query}")
        assert answer.status_code == 422, (query, answer.text)
        assert answer.json()["errors"][0]["pointer"] == pointer, query
    assert (await client.get("/v1/events?attributes.plan=pro")).status_code == 422


async def test_the_index_finds_what_is_equal(engine, people):
    filters = {"attributes": conditions_of({"plan": ["pro"]}, [], {})}
    scans = text("SELECT pg_stat_get_xact_numscans('ix_leads_attributes'::regclass)")
    async with engine.begin() as connection:
        # Of four leads anything else is cheaper.
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL enable_indexscan = off"))
        await connection.execute(text("SET LOCAL enable_indexonlyscan = off"))
        assert await search_store.count(connection, filters) == 1
        assert (await connection.execute(scans)).scalar_one() > 0
