"""Pairs that may be one person: found, explained, merged, dismissed, and what follows from each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import faults_in
from service.leads.duplicates.finding import Finder

Worker = Callable[[], Awaitable[None]]

ANNA = {
    "first_name": "Anna",
    "last_name": "Feldkamp",
    "email": "a.feldkamp@nordwerk.de",
    "company": {"name": "Nordwerk GmbH"},
}
AGAIN = {
    "first_name": "Ana",
    "last_name": "Feldkamp",
    "phone": "+494215551234",
    "company": {"name": "Nordwerk"},
    "attributes": {"city": "Bremen"},
}


async def created(client: AsyncClient, *bodies: dict[str, Any]) -> list[dict[str, Any]]:
    answers = [await client.post("/v1/leads", json=body) for body in bodies]
    assert [answer.status_code for answer in answers] == [201] * len(bodies)
    return [answer.json() for answer in answers]


async def pairs(client: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/duplicates", params=query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def test_it_works(client: AsyncClient, worker: Worker, database_url: str) -> None:
    anna, again = await created(client, ANNA, AGAIN)
    await created(client, {"first_name": "Bernd", "last_name": "Osterloh", "email": "b@example.com"})
    await worker()
    (pair,) = await pairs(client)
    assert (pair["lead_id"], pair["duplicate_id"]) == (anna["id"], again["id"])
    assert (pair["status"], pair["found_by"]) == ("open", "similar")
    assert [lead["id"] for lead in pair["leads"]] == [anna["id"], again["id"]]
    assert pair["score"] >= 0.8
    why = {one["field"]: one for one in pair["why"]}
    assert (why["first_name"]["left"], why["first_name"]["right"]) == ("Anna", "Ana")
    assert 0 < why["first_name"]["similarity"] < 1 < why["last_name"]["weight"]
    assert (why["company.name"]["left"], why["company.name"]["right"]) == ("Nordwerk GmbH", "Nordwerk")
    assert (await client.get(f"/v1/duplicates/{pair['id']}")).json() == pair

    merged = await client.post(f"/v1/duplicates/{pair['id']}/merge")
    assert merged.status_code == 201, merged.text
    assert merged.json()["lead"]["id"] == anna["id"]
    assert merged.json()["lead"]["phone"] == "+494215551234"
    assert merged.json()["why"]["fields"][0].keys() == {"field", "other_field", "similarity", "weight"}
    await worker()
    assert await pairs(client) == []
    (pair,) = await pairs(client, status="merged")
    assert pair["merge_id"] == merged.json()["id"]
    assert (await client.get(f"/v1/leads/{again['id']}")).status_code == 308
    again_merged = await client.post(f"/v1/duplicates/{pair['id']}/merge")
    assert (again_merged.status_code, again_merged.json()["code"]) == (409, "pair_decided")
    assert await faults_in(database_url) == []


async def test_the_other_lead_may_live_on(client: AsyncClient, worker: Worker) -> None:
    _, again = await created(client, ANNA, AGAIN)
    await worker()
    (pair,) = await pairs(client)
    address = f"/v1/duplicates/{pair['id']}/merge"
    refused = await client.post(address, json={"survivor_id": pair["id"]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/survivor_id")
    merged = await client.post(address, json={"survivor_id": again["id"], "fields": {"full_name": "duplicate"}})
    assert (merged.json()["lead"]["id"], merged.json()["lead"]["first_name"]) == (again["id"], "Anna")


async def test_what_is_dismissed_is_not_brought_up_again(client: AsyncClient, worker: Worker) -> None:
    anna, again = await created(client, ANNA, AGAIN)
    await worker()
    (pair,) = await pairs(client)
    for _ in range(2):
        dismissed = await client.post(f"/v1/duplicates/{pair['id']}/dismiss")
        assert dismissed.json()["status"] == "dismissed"
        assert dismissed.json()["decided_by"] == "key:test"
    await client.patch(f"/v1/leads/{again['id']}", json={"first_name": "Anna"})
    await worker()
    assert await pairs(client) == []
    assert [one["id"] for one in await pairs(client, status="dismissed", lead_id=anna["id"])] == [pair["id"]]
    # Of a lead that one of them is merged into it is still true.
    (third,) = await created(client, {"email": "third@example.com", "first_name": "Ana", "last_name": "Feldkamp"})
    await client.post(f"/v1/leads/{third['id']}/merge", json={"duplicate_id": again["id"]})
    await worker()
    assert [one for one in await pairs(client) if anna["id"] in {one["lead_id"], one["duplicate_id"]}] == []


async def test_a_merge_that_was_undone_is_not_brought_up_again(client: AsyncClient, worker: Worker) -> None:
    await client.put("/v1/matching-rules", json={"auto_merge": 0.8})
    anna, again = await created(client, ANNA, AGAIN)
    await worker()
    (pair,) = await pairs(client, status="merged")
    assert pair["decided_by"] == "matching"
    merge = (await client.get(f"/v1/merges/{pair['merge_id']}")).json()
    assert merge["automatic"] is True
    assert merge["why"]["found_by"] == "similar"
    undone = await client.post(f"/v1/merges/{pair['merge_id']}/undo")
    assert undone.status_code == 200, undone.text
    await worker()
    assert (await client.get(f"/v1/leads/{again['id']}")).status_code == 200
    assert await pairs(client) == await pairs(client, status="pending") == []
    assert len(await pairs(client, status="dismissed", lead_id=anna["id"])) == 1


async def test_a_pair_that_no_longer_holds_goes(client: AsyncClient, worker: Worker) -> None:
    _, again = await created(client, ANNA, AGAIN)
    await worker()
    assert len(await pairs(client)) == 1
    other = {"first_name": "Bernd", "last_name": "Osterloh", "company": {"name": "Südwerk"}}
    await client.patch(f"/v1/leads/{again['id']}", json=other)
    await worker()
    assert await pairs(client) == []


async def test_nobody_is_found_who_is_gone_or_a_test(client: AsyncClient, worker: Worker) -> None:
    anna, _ = await created(client, ANNA, AGAIN)
    await created(client, AGAIN | {"phone": "+494215551299", "test": True})
    await worker()
    assert len(await pairs(client)) == 1
    await client.post(f"/v1/leads/{anna['id']}/erasure")
    assert await pairs(client) == []
    await worker()
    assert await pairs(client) == []


async def test_pages_go_on_by_score(client: AsyncClient, worker: Worker) -> None:
    people = [
        ANNA | {"first_name": first, "email": f"{number}@nordwerk.de"}
        for number, first in enumerate(["Anna", "Ana", "Anna", "Anne"])
    ]
    await created(client, *people)
    await worker()
    whole = await pairs(client)
    assert len(whole) > 2
    assert [one["score"] for one in whole] == sorted((one["score"] for one in whole), reverse=True)
    seen, address = [], "/v1/duplicates?limit=1"
    while address:
        answer = await client.get(address)
        seen += answer.json()["data"]
        cursor = answer.json()["next_cursor"]
        address = cursor and f"/v1/duplicates?limit=1&cursor={cursor}"
        assert bool(cursor) == ("Link" in answer.headers)
    assert [one["id"] for one in seen] == [one["id"] for one in whole]
    assert await pairs(client, min_score=1) == [one for one in whole if one["score"] == 1]


async def test_one_submission_that_names_two_leads_makes_them_one(
    client: AsyncClient, worker: Worker, database_url: str
) -> None:
    mail, phone = await created(client, {"email": "a@nordwerk.de"}, {"phone": "+494215551234", "last_name": "Feldkamp"})
    both = await client.post("/v1/leads", json={"email": "a@nordwerk.de", "phone": "+494215551234"})
    assert both.json()["conflicts"] == [{"pointer": "/phone", "lead_id": phone["id"]}]
    await worker()
    moved = await client.get(f"/v1/leads/{phone['id']}")
    assert (moved.status_code, moved.headers["Location"]) == (308, f"/v1/leads/{mail['id']}")
    lead = (await client.get(f"/v1/leads/{mail['id']}")).json()
    assert (lead["email"], lead["phone"], lead["last_name"]) == ("a@nordwerk.de", "+494215551234", "Feldkamp")
    (pair,) = await pairs(client, status="merged")
    assert pair["found_by"] == "bridged"
    assert {pair["why"][0]["field"], pair["why"][0]["other_field"]} == {"email", "phone"}
    assert await faults_in(database_url) == []


async def test_a_chain_of_bridges_ends_in_one_lead(client: AsyncClient, worker: Worker, database_url: str) -> None:
    mail, phone, known = {"email": "a@nordwerk.de"}, {"phone": "+494215551234"}, {"external_ids": {"crm": "7"}}
    first, *_ = await created(client, mail, phone, known)
    for both in (mail | phone, phone | known, mail | known):
        assert (await client.post("/v1/leads", json=both)).status_code == 200
    await worker()
    everybody = (await client.get("/v1/leads")).json()["data"]
    assert [lead["id"] for lead in everybody] == [first["id"]]
    assert {one["status"] for one in await pairs(client, status="merged")} == {"merged"}
    assert await pairs(client) == await pairs(client, status="pending") == []
    assert await faults_in(database_url) == []


async def test_several_workers_find_each_pair_once(client: AsyncClient, engine: AsyncEngine, worker: Worker) -> None:
    crowd = [
        ANNA | {"first_name": name, "last_name": f"Feldkamp{name}", "email": f"{name}{copy}@nordwerk.de"}
        for name in ("Anna", "Bernd", "Carla")
        for copy in ("", ".again")
    ]
    await created(client, *crowd)
    finders = [Finder(engine) for _ in range(4)]
    while any(await asyncio.gather(*[finder.run() for finder in finders])):
        pass
    await worker()
    assert len(await pairs(client)) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"first_name": "Anna", "last_name": "Feldkamp"}, {"first_name": "Bernd", "last_name": "Osterloh"}),
        ({}, {"email": "b@nordwerk.de"}),
        ({"external_ids": {"crm": "1"}}, {"external_ids": {"crm": "2"}}),
    ],
)
async def test_what_contradicts_is_left_for_a_person(
    client: AsyncClient, worker: Worker, one: dict[str, Any], other: dict[str, Any]
) -> None:
    await created(client, {"email": "a@nordwerk.de"} | one, {"phone": "+494215551234"} | other)
    await client.post("/v1/leads", json={"email": "a@nordwerk.de", "phone": "+494215551234"})
    await worker()
    (pair,) = await pairs(client)
    assert (pair["status"], pair["found_by"]) == ("open", "bridged")


async def test_bridges_are_left_alone_where_the_rules_say_so(client: AsyncClient, worker: Worker) -> None:
    rules = {"merge_bridged": False, "threshold": 0.9, "weights": {"company.name": 0.5}}
    written = await client.put("/v1/matching-rules", json=rules)
    assert written.json() == rules | {"auto_merge": None, "block": 50}
    assert (await client.get("/v1/matching-rules")).json() == written.json()
    await created(client, {"email": "a@nordwerk.de"}, {"phone": "+494215551234"})
    await client.post("/v1/leads", json={"email": "a@nordwerk.de", "phone": "+494215551234"})
    await worker()
    assert [pair["status"] for pair in await pairs(client)] == ["open"]


async def test_rules_that_make_no_sense_are_refused(client: AsyncClient) -> None:
    for rules in ({"threshold": 0.9, "auto_merge": 0.8}, {"threshold": 2}, {"weights": {"email": -1}}, {"nonsense": 1}):
        assert (await client.put("/v1/matching-rules", json=rules)).status_code == 422


async def test_keys_that_too_many_share_find_nobody(client: AsyncClient, worker: Worker) -> None:
    await client.put("/v1/matching-rules", json={"block": 5})
    names = ["Krause", "Lehmann", "Osterloh", "Petersen", "Quandt", "Reimers", "Seidel", "Thiele"]
    crowd = [{"last_name": name, "email": f"office{n}@one.de", "attributes": {"birthday": "2000-01-01"}} for n, name in enumerate(names)]  # fmt: skip
    await created(client, *crowd)
    await worker()
    assert await pairs(client) == []
    await created(client, ANNA, AGAIN)
    await worker()
    assert len(await pairs(client)) == 1


async def test_unknown_pairs_are_404(client: AsyncClient) -> None:
    nobody = "0198f2c0-0000-7000-8000-000000000000"
    assert (await client.get(f"/v1/duplicates/{nobody}")).status_code == 404
    assert (await client.post(f"/v1/duplicates/{nobody}/merge")).status_code == 404
    assert (await client.post(f"/v1/duplicates/{nobody}/dismiss")).status_code == 404
