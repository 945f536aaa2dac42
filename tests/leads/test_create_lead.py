"""POST /v1/leads."""

from __future__ import annotations

import asyncio

import pytest
from httpx import AsyncClient


async def create(client: AsyncClient, **body: object) -> dict[str, object]:
    answer = await client.post("/v1/leads", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_it_works(client: AsyncClient):
    body = {
        "email": "Ada.Lovelace@Example.com",
        "phone": "+49 30 901820",
        "full_name": "Ada Lovelace",
        "company": {"name": "Analytical Engines Ltd", "industry": "machines", "country": "GB"},
        "channel": "web",
        "campaign": "spring",
        "utm": {"source": "newsletter"},
        "external_ids": {"crm": "4711"},
        "tags": ["vip", "vip"],
        "attributes": {"seats": 40},
        "occurred_at": "2026-03-01T09:00:00+01:00",
    }
    answer = await client.post("/v1/leads", json=body)
    assert answer.status_code == 201
    lead = answer.json()
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == f"/v1/leads/{lead['id']}"
    assert lead["email"] == "ada.lovelace@example.com"
    assert lead["phone"] == "+4930901820"
    assert (lead["first_name"], lead["last_name"]) == ("Ada", "Lovelace")
    assert lead["company"]["domain"] == "example.com"
    assert lead["acquired_at"] == "2026-03-01T08:00:00Z"
    assert (lead["stage"], lead["journey"], lead["version"], lead["verdict"]) == ("acquired", 1, 1, "valid")
    assert lead["tags"] == ["vip"]
    assert (await client.get(f"/v1/leads/{lead['id']}")).json() == {
        name: value for name, value in lead.items() if name not in {"matched_by", "conflicts"}
    }


async def test_the_same_person_is_matched_whatever_the_spelling(client: AsyncClient):
    first = await create(client, email="ada@example.com", phone="+4930901820")
    for body in ({"email": " ADA@Example.COM "}, {"phone": "0049 (30) 90 18 20"}):
        answer = await client.post("/v1/leads", json=body | {"channel": "fair"})
        assert answer.status_code == 200
        assert answer.json()["id"] == first["id"]
        assert answer.json()["matched_by"] == list(body)
    touchpoints = (await client.get(f"/v1/leads/{first['id']}/touchpoints")).json()["data"]
    assert [touchpoint["channel"] for touchpoint in touchpoints] == [None, "fair", "fair"]


async def test_a_match_fills_in_what_is_missing_and_overwrites_nothing(client: AsyncClient):
    first = await create(
        client, email="ada@example.com", full_name="Ada Lovelace", channel="web", attributes={"seats": 40}
    )
    second = await create(
        client,
        email="ada@example.com",
        full_name="Mallory",
        job_title="CTO",
        channel="fair",
        owner="ben",
        attributes={"seats": 1, "plan": "x"},
    )
    assert second["id"] == first["id"]
    assert (second["full_name"], second["job_title"], second["owner"]) == ("Ada Lovelace", "CTO", "ben")
    assert second["attributes"] == {"seats": 40, "plan": "x"}
    assert second["channel"] == "web"


async def test_an_identity_of_another_lead_stays_there_and_is_reported(client: AsyncClient):
    ada = await create(client, email="ada@example.com")
    bob = await create(client, phone="+4930901821")
    both = await create(client, email="ada@example.com", phone="+4930901821")
    assert both["id"] == ada["id"]
    assert both["conflicts"] == [{"pointer": "/phone", "lead_id": bob["id"]}]
    assert both["phone"] is None


async def test_a_churned_lead_that_returns_is_reactivated(client: AsyncClient):
    lead = await create(client, email="ada@example.com", channel="web")
    await client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": "churn", "reason": "unresponsive"})
    back = await create(client, email="ada@example.com", channel="webinar")
    assert (back["stage"], back["journey"], back["channel"]) == ("reactivated", 2, "web")
    journeys = (await client.get(f"/v1/leads/{lead['id']}/journeys")).json()["data"]
    assert [(journey["channel"], journey["outcome"]) for journey in journeys] == [
        ("web", "lapsed"),
        ("webinar", "open"),
    ]


@pytest.mark.parametrize("reason", ["spam", "test"])
async def test_spam_does_not_come_back(client: AsyncClient, reason: str):
    lead = await create(client, email="ada@example.com")
    await client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": "churn", "reason": reason})
    assert (await create(client, email="ada@example.com"))["stage"] == "churned"


async def test_parallel_posts_of_one_person_make_one_lead(client: AsyncClient):
    bodies = [
        {"email": "ada@example.com"},
        {"phone": "+4930901820"},
        {"email": "ADA@example.com", "phone": "+4930901820"},
    ]
    await create(client, email="ada@example.com", phone="+4930901820")
    answers = await asyncio.gather(*(client.post("/v1/leads", json=bodies[number % 3]) for number in range(32)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_parallel_first_posts_of_one_person_make_one_lead(client: AsyncClient):
    answers = await asyncio.gather(
        *(
            client.post("/v1/leads", json={"email": "ada@example.com", "external_ids": {"crm": str(number)}})
            for number in range(32)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 31 + [201]
    lead = (await client.get(f"/v1/leads/{answers[0].json()['id']}")).json()
    assert lead["external_ids"] == {"crm": lead["external_ids"]["crm"]}
    assert lead["version"] == 32


FAULTS = [
    ({}, "", "a lead needs"),
    ({"email": "ada"}, "/email", "@"),
    ({"email": "ada@example.com", "phone": "12"}, "/phone", ""),
    ({"email": "ada@example.com", "nickname": "A"}, "/nickname", "unknown field"),
    ({"email": 7}, "/email", "string"),
    ({"email": "ada@example.com", "company": {"country": "Mars"}}, "/company/country", ""),
    ({"email": "ada@example.com", "occurred_at": "2099-01-01T00:00:00Z"}, "/occurred_at", "future"),
    ({"email": "ada@example.com", "occurred_at": "2026-01-01T00:00:00"}, "/occurred_at", "timezone"),
    ({"email": "ada@example.com", "occurred_at": "0001-01-01T00:00:00Z"}, "/occurred_at", "1900"),
    ({"email": "ada@example.com", "occurred_at": "yesterday"}, "/occurred_at", ""),
    ({"email": "ada@example.com", "full_name": "   "}, "/full_name", ""),
    ({"email": "ada@example.com", "external_ids": {"": "x"}}, "/external_ids", ""),
    ({"email": "ada@example.com", "external_ids": {"crm": ""}}, "/external_ids/crm", ""),
    ({"email": "ada@example.com", "tags": "vip"}, "/tags", "list"),
    ({"email": "ada@example.com", "attributes": []}, "/attributes", ""),
    ({"email": "ada@example.com", "full_name": "A\u0000"}, "/full_name", "NUL"),
    ({"email": "ada@example.com", "full_name": "x" * 300}, "/full_name", "200"),
    ({"email": "ada@example.com", "stage": "won"}, "/stage", "unknown field"),
]


@pytest.mark.parametrize(
    ("body", "pointer", "why"), FAULTS, ids=[str(fault[1]) + str(index) for index, fault in enumerate(FAULTS)]
)
async def test_a_wrong_body_is_refused_by_the_name_of_its_field_and_changes_nothing(
    client: AsyncClient, body: dict[str, object], pointer: str, why: str
):
    answer = await client.post("/v1/leads", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert why in str(problem["errors"]) + problem["detail"]
    assert (await client.get("/v1/leads?count=true")).json() == {"data": [], "next_cursor": None, "total": 0}
    assert (await client.get("/v1/events")).json()["data"] == []
