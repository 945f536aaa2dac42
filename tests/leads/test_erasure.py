"""POST /v1/leads/{id}/erasure."""

from __future__ import annotations

from collections.abc import Callable

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import faults_in
from service.core.database import transaction

PERSON = {
    "email": "ada.lovelace@analytical.example",
    "phone": "+4930901820",
    "full_name": "Ada Lovelace",
    "job_title": "Countess of Lovelace",
    "company": {"name": "Analytical Engines", "industry": "machines", "country": "GB"},
    "channel": "web",
    "external_ids": {"crm": "LOVELACE-1815"},
    "utm": {"source": "byron-newsletter"},
    "attributes": {"passport": "LOVELACE-PASS"},
    "consent": {"newsletter": "ada said yes"},
}
TRACES = ("lovelace", "30901820", "byron", "analytical", "ada said")


async def _everything_stored(engine: AsyncEngine) -> str:
    """All rows of all tables, as text."""
    async with transaction(engine) as connection:
        tables = (
            (await connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
            .scalars()
            .all()
        )
        stored = []
        for table in tables:
            rows = await connection.execute(text(f"SELECT to_jsonb(t)::text FROM {table} t"))
            stored += [f"{table}: {row}" for row in rows.scalars()]
            if table in {"deliveries", "idempotency_keys"}:
                bodies = await connection.execute(text(f"SELECT body FROM {table}"))
                stored += [f"{table}: {body.decode(errors='replace')}" for body in bodies.scalars()]
    return "\n".join(stored).lower()


async def test_no_trace_of_the_person_is_left_and_the_numbers_stay(
    client: AsyncClient, engine: AsyncEngine, database_url: str, worker: Callable
):
    channel = (
        await client.post("/v1/channels", json={"key": "form", "vendor": "generic", "secret": "a-long-enough-secret"})
    ).json()
    address = channel["intake_url"].replace("http://leads.test", "")
    for _ in range(2):
        sent = await client.post(
            address,
            json={"email": PERSON["email"], "name": "Ada Lovelace"},
            headers={
                "X-Webhook-Secret": "a-long-enough-secret",
                "X-Api-Key": "a-long-enough-secret",
                "Authorization": "Bearer a-long-enough-secret",
            },
        )
        assert sent.status_code in {200, 202}, sent.text
    await worker()
    lead = (await client.post("/v1/leads", json=PERSON, headers={"Idempotency-Key": "once"})).json()
    move = f"/v1/leads/{lead['id']}/transitions"
    await client.post(move, json={"event": "qualify", "note": "Ada Lovelace called", "allow_skip": True})
    await client.post(move, json={"event": "win", "amount": "10.00", "currency": "EUR"})
    await client.post(
        f"/v1/leads/{lead['id']}/corrections",
        json={"from_sequence": 4, "reason": "Ada Lovelace did not sign", "transitions": []},
    )
    friend = {"email": "bob@example.com", "referred_by": "Ada.Lovelace@analytical.example"}
    bob = (await client.post("/v1/leads", json=friend, headers={"Idempotency-Key": "friend"})).json()
    stored = await _everything_stored(engine)
    assert [trace for trace in TRACES if trace in stored] == list(TRACES)
    assert bob["referred_by"]
    before = (await client.get("/v1/stats/funnel?group_by=country,industry")).json()["groups"]

    erased = await client.post(f"/v1/leads/{lead['id']}/erasure")
    assert erased.status_code == 200
    stored = await _everything_stored(engine)
    assert [trace for trace in TRACES if trace in stored] == []
    assert (await client.get("/v1/stats/funnel?group_by=country,industry")).json()["groups"] == before
    left = (await client.get(f"/v1/leads/{bob['id']}")).json()
    assert (left["referred_by"], left["version"], left["email"]) == (None, 2, "bob@example.com")
    assert await faults_in(database_url) == []


async def test_an_erased_lead_answers_410_and_takes_nothing_any_more(client: AsyncClient):
    lead = (await client.post("/v1/leads", json=PERSON)).json()
    address = f"/v1/leads/{lead['id']}"
    first = await client.post(f"{address}/erasure")
    assert (await client.post(f"{address}/erasure")).json() == first.json()
    answers = [
        await client.get(address),
        await client.patch(address, json={"job_title": "CTO"}),
        await client.post(f"{address}/transitions", json={"event": "clean"}),
        *[
            await client.get(f"{address}/{what}")
            for what in (
                "allowed-events",
                "transitions",
                "journeys",
                "touchpoints",
                "activities",
                "timeline",
                "identities",
            )
        ],
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(410, "lead_erased")] * 10
    assert (await client.get("/v1/leads")).json()["data"] == []
    again = await client.post("/v1/leads", json=PERSON)
    assert again.status_code == 201
    assert again.json()["id"] != lead["id"]


async def test_an_unknown_lead_is_404(client: AsyncClient):
    assert (await client.post("/v1/leads/019a9c5e-51d0-7a61-9d3c-2b7f5e8a1c04/erasure")).status_code == 404
