"""Reading one lead, and the lifecycle."""

from __future__ import annotations

import asyncio

from httpx import AsyncClient

from service.lifecycle.machine import MOVES

NOBODY = "00000000-0000-7000-8000-000000000000"
PARTS = ["", "/transitions", "/journeys", "/touchpoints", "/activities", "/timeline", "/allowed-events"]


async def test_an_unknown_lead(client: AsyncClient):
    for part in PARTS:
        for lead_id, code in [(NOBODY, "lead_not_found"), ("x", "not_found"), ("7", "not_found"), ("%00", None)]:
            answer = await client.get(f"/v1/leads/{lead_id}{part}")
            assert answer.status_code in ({404} if code else {404, 422})
            assert answer.headers["content-type"] == "application/problem+json"
            assert code is None or answer.json()["code"] == code


async def test_a_lead_has_an_etag(client: AsyncClient, create):
    ada = await create(email="ada@example.com")
    answer = await client.get(f"/v1/leads/{ada['id']}")
    assert answer.headers["ETag"] == '"1"'
    for header, status in [('"1"', 304), ('W/"1"', 304), ("*", 304), ('"2"', 200), ("garbage", 200), ("", 200)]:
        again = await client.get(f"/v1/leads/{ada['id']}", headers={"If-None-Match": header})
        assert again.status_code == status, header
        assert again.headers["ETag"] == '"1"'


async def test_touchpoints(client: AsyncClient, create, rows):
    ada = await create(
        email="ada@example.com",
        channel="web",
        campaign="spring",
        utm={"utm_source": "x"},
        occurred_at="2026-03-01T00:00:00Z",
    )
    await create(email="ada@example.com", channel="fair", occurred_at="2026-03-02T00:00:00Z")
    first, second = await rows(ada, "touchpoints")
    assert (first["channel"], first["campaign"], first["utm"], first["via"]) == (
        "web",
        "spring",
        {"source": "x"},
        "api",
    )
    assert (second["channel"], second["matched_by"], second["occurred_at"]) == (
        "fair",
        ["email"],
        "2026-03-02T00:00:00Z",
    )
    assert (await client.get(f"/v1/leads/{ada['id']}")).json()["last_activity_at"] == "2026-03-02T00:00:00Z"


async def test_the_timeline_tells_everything_in_order(client: AsyncClient, create, walk, rows):
    ada = await create(email="ada@example.com", occurred_at="2026-03-01T00:00:00Z")
    await walk(ada, ("clean", {"occurred_at": "2026-03-02T00:00:00Z"}))
    await client.patch(f"/v1/leads/{ada['id']}", json={"owner": "ben"})
    body = {
        "from_sequence": 2,
        "transitions": [{"event": "churn", "reason": "spam", "occurred_at": "2026-03-03T00:00:00Z"}],
        "reason": "typo",
    }
    assert (await client.post(f"/v1/leads/{ada['id']}/corrections", json=body)).status_code == 201
    timeline = await rows(ada, "timeline")
    assert [item["occurred_at"] for item in timeline] == sorted(item["occurred_at"] for item in timeline)
    kinds = [item["kind"] for item in timeline]
    assert sorted(kinds) == ["change", "correction", "touchpoint", "transition", "transition", "transition"]
    assert next(item["data"]["changed"] for item in timeline if item["kind"] == "change") == ["owner"]
    told = [item["data"]["event"] for item in timeline if item["kind"] == "transition"]
    assert told == ["acquire", "clean", "churn"]


async def test_the_lifecycle_is_data(client: AsyncClient):
    machine = (await client.get("/v1/lifecycle")).json()
    assert machine["stages"] == ["acquired", "cleaned", "nurtured", "opportunity", "won", "churned", "reactivated"]
    arrows = {
        (move["source"], event["event"]): move["target"] for event in machine["events"] for move in event["moves"]
    }
    assert arrows == {key: move.target for key, move in MOVES.items()}
    assert "stateDiagram" in machine["diagram"]
    assert {reason["category"] for reason in machine["reasons"]} == set(machine["categories"])


async def test_reasons_of_our_own(client: AsyncClient, key):
    body = {"code": "moved_abroad", "category": "lapsed", "label": "Umgezogen 🏠"}
    answer = await client.post("/v1/lifecycle/reasons", json=body)
    assert (answer.status_code, answer.json()) == (201, body | {"built_in": False})
    assert answer.json() in (await client.get("/v1/lifecycle")).json()["reasons"]
    for again in ("moved_abroad", "price"):
        answer = await client.post("/v1/lifecycle/reasons", json=body | {"code": again})
        assert (answer.status_code, answer.json()["code"]) == (409, "reason_exists")
    for wrong, pointer in [
        ({"code": "Moved"}, "/code"),
        ({"code": "a" * 101}, "/code"),
        ({"category": "open"}, "/category"),
        ({"built_in": True}, "/built_in"),
        ({"label": ""}, "/label"),
        ({"code": "a\n"}, "/code"),
    ]:
        answer = await client.post("/v1/lifecycle/reasons", json=body | wrong)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    headers = {"Authorization": f"Bearer {await key('leads:read', 'leads:write')}"}
    assert (await client.post("/v1/lifecycle/reasons", json=body, headers=headers)).status_code == 403
    answers = await asyncio.gather(
        *(client.post("/v1/lifecycle/reasons", json=body | {"code": "new"}) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_wrong_instant(client: AsyncClient, create):
    for at in ["2026-03-02", "yesterday", "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]:
        ada = await create(email="ada@example.com")
        answer = await client.get(f"/v1/leads/{ada['id']}/transitions", params={"known_at": at})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?known_at")


async def test_the_edges_of_the_calendar(client: AsyncClient, create, rows, faults):
    ada = await create(email="ada@example.com", occurred_at="1900-01-01T00:00:00Z")
    assert ada["acquired_at"] == "1900-01-01T00:00:00Z"
    assert await rows(ada, "transitions", known_at="0001-01-01T00:00:00Z") == []
    assert len(await rows(ada, "transitions", known_at="9999-12-31T23:59:59.999999Z")) == 1
    for path in (
        "/v1/stats/funnel",
        "/v1/stats/trend",
        "/v1/stats/funnel?tz=America/New_York&mode=period",
        "/v1/stats/trend?tz=America/New_York&interval=year",
    ):
        assert (await client.get(path)).status_code < 500, path
    assert await faults() == []


async def test_reading_needs_its_scope(client: AsyncClient, create, key):
    ada = await create(email="ada@example.com")
    for scopes, status in [(("leads:write",), 403), (("stats:read",), 403), (("leads:read",), 200)]:
        headers = {"Authorization": f"Bearer {await key(*scopes)}"}
        for part in PARTS:
            assert (await client.get(f"/v1/leads/{ada['id']}{part}", headers=headers)).status_code == status
