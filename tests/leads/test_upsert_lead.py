"""PUT /v1/leads/by-external-id/{system}/{external_id}."""

from __future__ import annotations

import asyncio

import pytest
from httpx import AsyncClient

BODY = {
    "email": "Ada@Example.com",
    "phone": "+49 30 901820",
    "full_name": "Ada Lovelace",
    "company": {"name": "Analytical Engines", "country": "gb", "domain": "Engines.example"},
    "channel": "crm-sync",
    "campaign": "spring",
    "utm": {"source": "x"},
    "owner": "ben",
    "tags": ["b", "a", "b"],
    "attributes": {"seats": 40, "none": None, "deep": {"none": None, "list": [None]}},
    "amount": "1250.5",
    "currency": "EUR",
    "occurred_at": "2026-03-01T09:00:00Z",
}


@pytest.fixture
def put(client: AsyncClient):
    async def send(external_id: str, body, **headers: str):
        return await client.put(f"/v1/leads/by-external-id/crm/{external_id}", json=body, headers=headers)

    return send


async def test_it_works(client: AsyncClient, put):
    answer = await put("4711", BODY)
    assert answer.status_code == 201
    lead = answer.json()
    assert answer.headers["Location"] == f"/v1/leads/{lead['id']}"
    assert answer.headers["ETag"] == f'"{lead["version"]}"'
    assert lead["external_ids"] == {"crm": "4711"}
    assert (lead["email"], lead["owner"], lead["amount"], lead["tags"]) == (
        "ada@example.com",
        "ben",
        "1250.50",
        ["a", "b"],
    )
    assert lead["attributes"] == {"seats": 40, "deep": {"list": [None]}}
    assert (lead["acquired_at"], lead["channel"], lead["utm"]) == ("2026-03-01T09:00:00Z", "crm-sync", {"source": "x"})
    assert (await client.get(f"/v1/leads/{lead['id']}")).json() == lead


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        {},
        {"email": "ada@example.com", "company": {"domain": None}},
        {"full_name": "Ada Lovelace", "first_name": None},
        {"email": "ada@example.com", "company": None, "tags": None, "attributes": None},
        {"email": None, "phone": "+49 30 901820 ext. 7"},
        {"phone": "030 901820", "company": {"country": "DE"}},
        {"attributes": {"long": "x" * 9_999}, "external_ids": {"shop": " 7 ", "old": None}},
    ],
    ids=range(8),
)
async def test_the_same_request_again_changes_nothing(put, events, body):
    first = await put("4711", body)
    assert first.status_code == 201, first.text
    told = len(await events())
    for _ in range(2):
        again = await put("4711", body)
        assert (again.status_code, again.json()) == (200, first.json())
    assert len(await events()) == told


async def test_what_is_absent_stays(put, walk):
    lead = await walk(
        (await put("4711", BODY)).json(), "clean", "qualify", ("win", {"amount": "99", "currency": "USD"})
    )
    again = (
        await put("4711", {"job_title": "Countess", "channel": "other", "occurred_at": "2026-01-01T00:00:00Z"})
    ).json()
    assert again == lead | {"job_title": "Countess", "version": lead["version"] + 1, "updated_at": again["updated_at"]}
    assert (again["stage"], again["owner"], again["channel"]) == ("won", "ben", "crm-sync")


async def test_null_clears(put):
    await put("4711", BODY)
    lead = (await put("4711", {"owner": None, "company": {"name": None}, "attributes": {"seats": None}})).json()
    assert (lead["owner"], lead["company"]["name"], "seats" in lead["attributes"]) == (None, None, False)
    assert lead["company"]["country"] == "GB"


async def test_an_email_already_known_gets_the_external_id(put, create, walk, events, faults):
    ada = await walk(await create(email="ada@example.com", owner="eve", full_name="Ada L."), "clean")
    answer = await put("4711", {"email": "ADA@example.com", "full_name": "Ada Lovelace"})
    assert answer.status_code == 200
    lead = answer.json()
    assert (lead["id"], lead["external_ids"], lead["stage"], lead["owner"]) == (
        ada["id"],
        {"crm": "4711"},
        "cleaned",
        "eve",
    )
    assert lead["full_name"] == "Ada Lovelace"
    told = len(await events())
    assert (await put("4711", {"email": "ADA@example.com", "full_name": "Ada Lovelace"})).json() == lead
    assert len(await events()) == told
    assert await faults() == []


async def test_an_identity_of_another_lead_is_refused(put, create, events):
    ada = (await put("1", {"email": "ada@example.com"})).json()
    bob = await create(email="bob@example.com")
    told = len(await events())
    answer = await put("1", {"email": "bob@example.com"})
    assert (answer.status_code, answer.json()["code"], answer.json()["lead_id"]) == (409, "identity_taken", bob["id"])
    assert answer.json()["errors"][0]["pointer"] == "/email"
    answer = await put("2", {"email": "ada@example.com"})
    assert (answer.status_code, answer.json()["lead_id"]) == (409, ada["id"]), "it has another id of this system"
    assert len(await events()) == told
    assert (await put("1", {})).json() == ada
    assert (await put("2", {})).status_code == 201


async def test_two_leads_claimed_by_one_body_are_a_conflict(put, create, events):
    await create(email="ada@example.com")
    bob = await create(phone="+4930901820")
    told = len(await events())
    answer = await put("7", {"email": "ada@example.com", "phone": "+4930901820"})
    assert (answer.status_code, answer.json()["code"], answer.json()["lead_id"]) == (409, "identity_taken", bob["id"])
    assert answer.json()["errors"][0]["pointer"] == "/phone"
    assert len(await events()) == told
    assert (await put("7", {})).status_code == 201


async def test_parallel_upserts_make_one_lead(put, faults):
    answers = await asyncio.gather(
        *(put("4711", {"email": "ada@example.com", "attributes": {f"n{n}": n}}) for n in range(24))
    )
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await put("4711", {})).json()["attributes"]) == 24
    assert await faults() == []


async def test_if_match(put, create):
    missing = await put("4711", {"email": "ada@example.com"}, **{"If-Match": '"1"'})
    assert missing.status_code == 412
    first = await put("4711", {"email": "ada@example.com"})
    assert first.status_code == 201
    assert (await put("4711", {"owner": "eve"}, **{"If-Match": first.headers["ETag"]})).status_code == 200
    assert (await put("4711", {"owner": "ben"}, **{"If-Match": first.headers["ETag"]})).status_code == 412
    bob = await create(email="bob@example.com")
    assert bob["version"] == 1
    assert (await put("9", {"email": "bob@example.com"}, **{"If-Match": '"2"'})).status_code == 412
    assert (await put("9", {"email": "bob@example.com"}, **{"If-Match": '"1"'})).status_code == 200


async def test_an_amount_needs_its_currency_on_a_new_lead_too(put):
    answer = await put("4711", {"amount": "5"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/currency")


ODD = [
    "a%2Fb",
    "a/b/c",
    "%E5%BC%A0",
    "a%20b",
    "%F0%9F%A6%84",
    "a%3Fb%23c",
    "a:b",
    "'%22%3B--",
    "%252e",
    "x" * 255,
    "~",
    "%2E%2E%2Fx",
]


async def test_ids_of_any_shape(put):
    for external_id in ODD:
        first = await put(external_id, {})
        assert first.status_code == 201, first.text
        assert (await put(external_id, {})).json() == first.json()


async def test_white_space_around_an_id_does_not_count(put):
    first = await put("4711", {})
    again = await put("%204711%20", {})
    assert (again.status_code, again.json()) == (200, first.json())


async def test_an_address_that_names_no_id(client: AsyncClient, events):
    for path in [
        "crm/",
        "crm",
        "",
        "crm/%20",
        "crm/" + "x" * 256,
        "-x/1",
        "a%20b/1",
        "%2F/1",
        "crm/%00",
        "crm/%FF",
        "a:b/1",
        "%E5%BC%A0/1",
    ]:
        answer = await client.put(f"/v1/leads/by-external-id/{path}", json={"email": "ada@example.com"})
        assert answer.status_code in {404, 405, 422}, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert await events() == []


async def test_the_body_must_not_name_another_id_for_the_same_system(put):
    for ids, pointer in [
        ({"crm": "2"}, "/external_ids/crm"),
        ({"crm": None}, "/external_ids/crm"),
        (None, "/external_ids"),
    ]:
        answer = await put("1", {"external_ids": ids})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await put("1", {"external_ids": {"crm": "1"}})).status_code == 201


async def test_unknown_fields_are_refused(put, events):
    for name in ["stage", "id", "version", "test", "score", "journey"]:
        answer = await put("1", {name: 1})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}")
        assert await events() == []


async def test_a_national_number_is_one_of_the_lead_s_country(client: AsyncClient, put, create):
    lead = await create(email="ada@example.com", company={"country": "DE"}, external_ids={"crm": "1"})
    address = f"/v1/leads/{lead['id']}"
    assert (await client.patch(address, json={"phone": "030 901820"})).json()["phone"] == "+4930901820"
    wrong = {"phone": "030 901820", "company": {"country": None}}
    assert (await client.patch(address, json=wrong)).json()["errors"][0]["pointer"] == "/phone"
    answer = await client.put("/v1/leads/by-external-id/crm/1", json={"phone": "030 901821"})
    assert answer.json()["phone"] == "+4930901821"
