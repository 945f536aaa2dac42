"""Lists of deadlines, and what a lead and its timeline show of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from httpx import AsyncClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import faults_in
from service.core.database import transaction
from service.leads.tables import leads
from service.nurture.verify import verify
from tests.nurture.deadlines.acting import Later, Worker, deadlines, lead, respond, rule, shown, told, write


async def test_the_owner_is_who_has_the_lead(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    await client.patch(f"/v1/leads/{ann}", json={"owner": "eve"})
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["owner_at_start"], one["owner"]) == (None, "eve")
    await respond(client, ann)
    await worker()
    await client.patch(f"/v1/leads/{ann}", json={"owner": "max"})
    await worker()
    assert (await deadlines(client, ann))[0]["owner"] == "eve"


async def test_the_timeline_tells_when_a_deadline_began_passed_and_ended(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    later(timedelta(hours=3))
    await worker()
    await respond(client, ann)
    await worker()
    items = (await client.get(f"/v1/leads/{ann}/timeline")).json()["data"]
    found = [item["data"] for item in items if item["kind"] == "deadline"]
    assert [one["happened"] for one in found] == ["began", "passed", "ended"]
    assert (found[-1]["ended_how"], found[-1]["late"]) == ("met", True)


async def test_the_list_has_the_most_overdue_first_and_pages(client: AsyncClient, worker: Worker, later: Later) -> None:
    await write(client, rule())
    ids = []
    for number in range(4):
        ids.append(await lead(client, f"a{number}@example.com", channel="web" if number % 2 else None))
        later(timedelta(minutes=50))
    await lead(client, "test@example.com", attributes={}, test=True)
    await worker()
    first = (await client.get("/v1/deadlines", params={"limit": 3, "count": True})).json()
    assert [one["lead_id"] for one in first["data"]] == ids[:3]
    assert (first["total"], first["data"][0]["lead"]["id"]) == (4, ids[0])
    rest = (
        await client.get("/v1/deadlines", params={"limit": 3, "count": True, "cursor": first["next_cursor"]})
    ).json()
    assert ([one["lead_id"] for one in rest["data"]], rest["next_cursor"]) == (ids[3:], None)
    overdue = (await client.get("/v1/deadlines", params={"state": "overdue"})).json()["data"]
    assert [one["lead_id"] for one in overdue] == ids[:2]
    web = (await client.get("/v1/deadlines", params={"channel": "web"})).json()["data"]
    assert [one["lead_id"] for one in web] == ids[1::2]
    none = (await client.get("/v1/deadlines", params={"missing": "channel"})).json()["data"]
    assert [one["lead_id"] for one in none] == ids[::2]


async def test_leads_are_listed_by_when_they_are_due(client: AsyncClient, worker: Worker, later: Later) -> None:
    await lead(client, "old@example.com", occurred_at="2020-01-01T00:00:00Z")
    await write(client, rule())
    ids = []
    for number in range(3):
        ids.append(await lead(client, f"a{number}@example.com"))
        later(timedelta(minutes=50))
    await worker()

    async def listed(**params: Any) -> list[str]:
        answer = await client.get("/v1/leads", params=params)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["data"]]

    assert await listed(sort="due_at") == ids
    assert await listed(sort="-due_at") == ids[::-1]
    due = (await shown(client, ids[1]))["due_at"]
    assert await listed(due_before=due, sort="due_at") == ids[:1]
    later(timedelta(seconds=1))
    assert await listed(overdue="true") == ids[:1]
    assert set(await listed(overdue="false")) >= {*ids[1:]}
    page = (await client.get("/v1/leads", params={"sort": "due_at", "limit": 2, "count": "true"})).json()
    assert page["total"] == 3
    rest = await listed(sort="due_at", limit=2, count="true", cursor=page["next_cursor"])
    assert rest == ids[2:]
    exported = await client.get("/v1/exports/leads", params={"overdue": "true"})
    assert exported.text.count(ids[0]) == 1, exported.text
    assert "due_at" in exported.text


async def test_what_leads_show_is_verified(client: AsyncClient, engine: AsyncEngine, worker: Worker) -> None:
    await write(client, rule())
    ann, bob = await lead(client), await lead(client, "bob@example.com")
    await worker()
    await client.post(f"/v1/leads/{ann}/merge", json={"duplicate_id": bob})
    gone = await lead(client, "eve@example.com")
    await worker()
    await client.post(f"/v1/leads/{gone}/erasure")
    async with transaction(engine) as connection:
        assert await verify(connection) == []
        await connection.execute(update(leads).where(leads.c.id == ann).values(due_at=None))
        (fault,) = await verify(connection)
    assert ann in fault


async def test_an_import_can_be_reverted_though_its_leads_had_deadlines(
    client: AsyncClient, worker: Worker, later: Later, database_url: str
) -> None:
    await write(client, rule(stage="cleaned"))
    file = "email\nann@example.com\nbob@example.com\n"
    answer = await client.post("/v1/imports", content=file, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 202, answer.text
    await worker()
    later(timedelta(hours=3))
    await worker()
    assert len((await client.get("/v1/deadlines")).json()["data"]) == len(await told(client)) == 2
    answer = await client.post(f"/v1/imports/{answer.json()['id']}/revert")
    assert answer.status_code == 202, answer.text
    await worker()
    assert (await client.get("/v1/leads")).json()["data"] == []
    assert (await client.get("/v1/deadlines")).json()["data"] == []
    assert (await client.get("/v1/stats/overdue")).json()["totals"]["started"] == 0
    assert await faults_in(database_url) == []
