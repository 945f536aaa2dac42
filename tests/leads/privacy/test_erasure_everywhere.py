"""Erasing a person leaves no trace of them, through whatever door they came: every column of every table is searched."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import faults_in
from tests.leads.privacy.scanning import traces

SECRET = "a-long-enough-secret"
HEADERS = {"X-Webhook-Secret": SECRET, "X-Api-Key": SECRET, "Authorization": f"Bearer {SECRET}"}
EMAIL, PHONE = "zoe.quillfeather@quillfeather.example", "+4930901820"
PERSON = {
    "email": EMAIL,
    "phone": "+49 (0)30 90 18 20",
    "full_name": "Zoë Quillfeather",
    "job_title": "Keeper of Quillfeathers",
    "company": {"name": "Quillfeather & Daughters", "domain": "quillfeather.example", "country": "DE"},
    "external_ids": {"crm": "QUILL-4711"},
    "utm": {"source": "quill-mail"},
    "attributes": {"passport": "QUILL-PASS"},
    "consent": {"newsletter": {"granted": True, "wording": "quill yes", "ip": "quill ip"}},
    "referred_by": "quill-friend",
    "channel": "web",
}
MARKS = (
    "quill",
    "30901820",
    "zoë",
)


async def make_channel(client: AsyncClient, key: str, **more: Any) -> str:
    body = {"key": key, "vendor": "generic", "secret": SECRET} | more
    made = await client.post("/v1/channels", json=body)
    assert made.status_code == 201, made.text
    return made.json()["intake_url"].replace("http://leads.test", "")


async def deliver(client: AsyncClient, address: str, content: Any, kind: str = "application/json") -> None:
    sent = await client.post(address, content=content, headers={**HEADERS, "Content-Type": kind})
    assert sent.status_code in {200, 202}, sent.text


async def fill_every_door(client: AsyncClient, worker: Callable) -> dict[str, Any]:
    """Let the person come in by every way there is, and be told of by others."""
    await client.put("/v1/account-tiers", json={"tiers": [{"key": "C"}]})
    lead = (await client.post("/v1/leads", json=PERSON, headers={"Idempotency-Key": "once"})).json()
    address = f"/v1/leads/{lead['id']}"
    await client.post("/v1/leads/batch", json=[PERSON, {"email": EMAIL.upper()}], headers={"Idempotency-Key": "many"})
    await client.put("/v1/leads/by-external-id/erp/QUILL-ERP", json={"email": EMAIL, "tags": ["vip"]})
    await client.patch(address, json={"job_title": "Quill", "email": "zoe@quill.example"})
    await client.patch(address, json={"email": EMAIL})
    moves = f"{address}/transitions"
    await client.post(moves, json={"event": "qualify", "note": "Quillfeather called", "allow_skip": True})
    await client.post(moves, json={"event": "win", "amount": "10.00", "currency": "EUR"})
    correction = {"from_sequence": 3, "reason": "Quillfeather did not sign", "transitions": []}
    await client.post(f"{address}/corrections", json=correction)
    agreed = {
        "purpose": "calls",
        "granted": True,
        "source": "Quill fair",
        "wording": "quill",
        "evidence": {"by": "Zoë"},
    }
    await client.post(f"{address}/consents", json=agreed)
    role = {"role": "champion", "note": "Quillfeather likes it"}
    said = await client.put(f"/v1/accounts/quillfeather.example/people/{lead['id']}/role", json=role)
    assert said.status_code == 200, said.text
    # Another company, for a while.
    await client.patch(address, json={"company": {"domain": "quill.example"}})
    await worker()
    await client.patch(address, json={"company": {"domain": "quillfeather.example"}})
    await worker()
    # Others who were referred by them, whose own data are none of theirs.
    await client.post("/v1/leads", json={"email": "bob@example.com", "referred_by": EMAIL.title()})
    # The same person twice, merged; and merged and parted again.
    for number in (1, 2):
        twin = {
            "email": f"zoe{number}@quill.example",
            "full_name": "Zoë Quill",
            "attributes": {"plan": f"quill {number}"},
        }
        other = (await client.post("/v1/leads", json=twin)).json()
        await client.post(f"{address}/merge", json={"duplicate_id": other["id"]})
    form = await make_channel(client, "form")
    await deliver(client, form, json.dumps({"email": EMAIL.title(), "name": "Zoë Quillfeather", "phone": "030 901820"}))
    await deliver(client, form, json.dumps({"email": EMAIL, "note": "quill"}, ensure_ascii=True))
    await deliver(
        client, form, urlencode({"email": EMAIL, "phone": PHONE, "q": "quill"}), "application/x-www-form-urlencoded"
    )
    await deliver(client, form, json.dumps({"email": "eve@example.com", "referred_by": EMAIL, "name": "Eve"}))
    await worker()
    # What nothing could be made of, and what still waits.
    await make_channel(client, "keyed", settings={"dedupe": "email"})
    await deliver(client, "/v1/intake/keyed", json.dumps({"email": EMAIL}))
    await worker()
    rows = f"mail,name,passport\n{EMAIL},Zoë Quillfeather,QUILL-PASS\nnot quill an address,Quill,\n"
    for options in ({"kind": "leads"}, {"kind": "leads", "dry_run": "true"}, {"kind": "leads", "mode": "create"}):
        sent = await client.post(
            "/v1/imports", content=rows.encode(), params=options, headers={"Content-Type": "text/csv"}
        )
        assert sent.status_code == 202, sent.text
        await worker()
    broken = await make_channel(client, "broken", mapping={"email": "nothing.here"})
    await deliver(client, broken, json.dumps({"contact": EMAIL, "quill": True}))
    await deliver(client, broken, json.dumps({"tel": "(030) 90-18-20", "quill": True}))
    await deliver(client, broken, '{"mail": "zoe.quillfeather\\u0040quillfeather.example"}')
    await worker()
    await deliver(client, form, json.dumps({"email": EMAIL, "name": "Zoë waits"}))
    return lead


@pytest.mark.parametrize("by", ["id", "email", "phone", "external_id"])
async def test_nothing_is_left(
    client: AsyncClient,
    engine: AsyncEngine,
    database_url: str,
    worker: Callable,
    capfd: pytest.CaptureFixture[str],
    by: str,
) -> None:
    lead = await fill_every_door(client, worker)
    before = await traces(engine, MARKS)
    assert set(before) == set(MARKS)
    assert {"deliveries.body", "outbox.data", "leads.email", "identities.value"} <= set(before["quill"])
    figures = (await client.get("/v1/stats/funnel?group_by=channel")).json()["groups"]

    if by == "id":
        erased = await client.post(f"/v1/leads/{lead['id']}/erasure")
        assert erased.status_code == 200, erased.text
    else:
        who = {"email": EMAIL.title(), "phone": "+49 30 901820", "external_id": "crm:QUILL-4711"}[by]
        erased = await client.post("/v1/erasures", json={by: who}, headers={"Idempotency-Key": "forget"})
        assert erased.status_code == 200, erased.text
        assert [one["lead_id"] for one in erased.json()["leads"]] == [lead["id"]]
        assert erased.json()["deliveries"] >= 7
    await worker()

    assert await traces(engine, MARKS) == {}
    assert (await client.get("/v1/stats/funnel?group_by=channel")).json()["groups"] == figures
    assert await faults_in(database_url) == []
    # What waited was not processed, and who was only referred is still there.
    assert {one["email"] for one in (await client.get("/v1/leads")).json()["data"]} == {
        "bob@example.com",
        "eve@example.com",
    }
    logged = capfd.readouterr()
    assert [mark for mark in MARKS if mark in (logged.out + logged.err).lower()] == []


async def test_somebody_in_raw_deliveries_alone(client: AsyncClient, engine: AsyncEngine, worker: Callable) -> None:
    broken = await make_channel(client, "broken", mapping={"email": "nothing.here"})
    await deliver(client, broken, json.dumps({"who": {"contact": EMAIL, "name": "Quillfeather"}}))
    await deliver(client, broken, json.dumps({"contact": "somebody@else.example"}))
    await worker()
    found = (await client.get("/v1/deliveries")).json()["data"]
    assert {one["lead_ids"] == [] for one in found} == {True}
    erased = await client.post("/v1/erasures", json={"email": EMAIL})
    assert (erased.status_code, erased.json()["leads"], erased.json()["deliveries"]) == (200, [], 1)
    assert await traces(engine, ["quill"]) == {}
    assert await traces(engine, ["somebody@else"]) != {}
    # They do not come in unnoticed, and the same again does no harm.
    back = (await client.post("/v1/leads", json={"email": EMAIL})).json()
    assert (back["verdict"], back["can_contact"]["email"]) == ("suspect", False)
    again = await client.post("/v1/erasures", json={"email": "never@seen.example"})
    assert (again.status_code, again.json()["leads"], again.json()["deliveries"]) == (200, [], 0)


async def test_a_number_in_a_longer_number_is_somebody_elses(
    client: AsyncClient, engine: AsyncEngine, worker: Callable
) -> None:
    form = await make_channel(client, "form")
    await deliver(client, form, json.dumps({"email": "other@example.com", "order": "1309018201", "name": "Other"}))
    await deliver(client, form, json.dumps({"email": "ab@example.com"}))
    await deliver(client, form, json.dumps({"email": "b@example.com"}))
    await worker()
    await client.post("/v1/leads", json={"phone": PHONE})
    assert (await client.post("/v1/erasures", json={"phone": PHONE})).json()["deliveries"] == 0
    assert (await client.post("/v1/erasures", json={"email": "b@example.com"})).json()["deliveries"] == 1


async def test_refusals(client: AsyncClient) -> None:
    for body in ({}, {"email": "nonsense"}, {"email": "a@b.example", "phone": PHONE}, {"domain": "b.example"}):
        assert (await client.post("/v1/erasures", json=body)).status_code == 422
