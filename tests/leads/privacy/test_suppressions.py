"""Whom not to contact, or not to let in: /v1/suppressions, and what they do to leads."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction

ADA = {"email": "ada@example.com", "phone": "+4930901820", "external_ids": {"crm": "A-1"}}


async def suppress(client: AsyncClient, **body: Any) -> None:
    answer = await client.post("/v1/suppressions", json=body)
    assert answer.status_code == 201, answer.text


async def contact(client: AsyncClient, lead: dict[str, Any]) -> tuple[bool, bool]:
    told = (await client.get(f"/v1/leads/{lead['id']}")).json()["can_contact"]
    return told["email"], told["phone"]


async def test_the_value_is_not_kept_but_its_hmac(client: AsyncClient, engine: AsyncEngine) -> None:
    answer = await client.post("/v1/suppressions", json={"email": "Ada@Example.com ", "reason": "blocked"})
    assert answer.status_code == 201
    assert set(answer.json()) == {"kind", "reason", "actor", "created_at"}
    again = await client.post("/v1/suppressions", json={"email": "ada@example.com", "reason": "blocked"})
    assert (again.status_code, again.json()) == (200, answer.json())
    async with transaction(engine) as connection:
        [pads] = (await connection.execute(text("SELECT pepper FROM installation"))).scalars()
        [kept] = (await connection.execute(text("SELECT hash FROM suppressions"))).scalars()
    key = bytes(byte ^ 0x36 for byte in pads[:64])
    assert key == bytes(byte ^ 0x5C for byte in pads[64:])
    assert kept == hmac.new(key, b"email:ada@example.com", hashlib.sha256).digest()


@pytest.mark.parametrize(
    "who",
    [{"email": "ADA@example.com"}, {"phone": "030 901820"}, {"domain": "example.com"}, {"external_id": "crm:A-1"}],
)
async def test_who_is_blocked_is_refused_and_leaves_nothing(client: AsyncClient, who: dict[str, str]) -> None:
    if "phone" in who:
        who = {"phone": "+49 30 901820"}
    await suppress(client, **who, reason="blocked")
    refused = await client.post("/v1/leads", json=ADA)
    assert (refused.status_code, refused.json()["code"]) == (409, "suppressed")
    # What came with it is free for others.
    rest = {name: value for name, value in ADA.items() if name not in {*who, "external_ids"}}
    rest.pop("email", None)
    rest = rest or {"email": "ada@elsewhere.example"}
    other = await client.post("/v1/leads", json=rest)
    assert other.status_code == 201
    assert (await client.delete("/v1/suppressions", params=who)).status_code == 200
    assert (await client.post("/v1/leads", json=ADA)).status_code in {200, 201}
    assert (await client.delete("/v1/suppressions", params=who)).status_code == 404


async def test_a_batch_goes_on_without_them(client: AsyncClient) -> None:
    await suppress(client, email="ada@example.com", reason="blocked")
    items = [
        ADA,
        {"phone": ADA["phone"]},
        {"email": "bob@example.com"},
        {"email": "ada@example.com"},
        {"phone": ADA["phone"]},
    ]
    answer = (await client.post("/v1/leads/batch", json=items)).json()["data"]
    assert [one["status"] for one in answer] == [409, 201, 201, 409, 200]
    assert answer[4]["lead"]["id"] == answer[1]["lead"]["id"]


async def test_who_is_known_is_held_at_once_and_let_go_again(client: AsyncClient) -> None:
    lead = (await client.post("/v1/leads", json=ADA | {"consent": {"news": True}})).json()
    assert await contact(client, lead) == (True, True)
    await suppress(client, email="ada@example.com", reason="unsubscribed")
    assert await contact(client, lead) == (False, True)
    asked = (await client.get(f"/v1/leads/{lead['id']}/can-contact?medium=email&purpose=news")).json()["data"]
    assert asked[0]["why"] == ["suppressed_unsubscribed"]
    await suppress(client, domain="example.com", reason="blocked")
    assert await contact(client, lead) == (False, False)
    await client.delete("/v1/suppressions", params={"domain": "example.com"})
    assert await contact(client, lead) == (False, True)
    # Another address is another matter.
    await client.patch(f"/v1/leads/{lead['id']}", json={"email": "ada@elsewhere.example"})
    assert await contact(client, lead) == (True, True)
    refused = {"phone": "+49 30 111111"}
    await suppress(client, **refused, reason="blocked")
    assert (await client.patch(f"/v1/leads/{lead['id']}", json=refused)).status_code == 409
    await suppress(client, phone="+49 30 222222", reason="unsubscribed")
    await client.patch(f"/v1/leads/{lead['id']}", json={"phone": "+49 30 222222"})
    assert await contact(client, lead) == (True, False)


async def test_who_unsubscribed_before_they_came(client: AsyncClient) -> None:
    await suppress(client, phone="+49 30 901820", reason="unsubscribed")
    lead = (await client.post("/v1/leads", json=ADA)).json()
    assert lead["can_contact"] == {"email": True, "phone": False, "purposes": {}}
    assert lead["verdict"] == "valid"


async def test_who_was_erased_comes_back_noticed(client: AsyncClient, worker: Callable) -> None:
    first = (await client.post("/v1/leads", json=ADA)).json()
    await client.post(f"/v1/leads/{first['id']}/erasure")
    asked = (await client.get("/v1/suppressions", params={"external_id": "crm:A-1"})).json()["data"]
    assert [(one["kind"], one["reason"]) for one in asked] == [("external", "erased")]
    channel = {"key": "form", "vendor": "generic", "secret": "a-long-enough-secret"}
    made = (await client.post("/v1/channels", json=channel)).json()
    headers = {"X-Webhook-Secret": "a-long-enough-secret", "Authorization": "Bearer a-long-enough-secret"}
    address = made["intake_url"].replace("http://leads.test", "")
    for _ in range(2):
        body = {"email": "ada@example.com", "name": "Ada Lovelace", "company": "Analytical Engines", "newsletter": True}
        assert (await client.post(address, json=body, headers=headers)).status_code in {200, 202}
        await worker()
    [back] = (await client.get("/v1/leads?email=ada@example.com")).json()["data"]
    assert back["id"] != first["id"]
    assert (back["verdict"], back["stage"]) == ("suspect", "acquired")
    assert "erased_before" in back["verdict_reasons"]
    assert back["can_contact"] == {"email": False, "phone": False, "purposes": {"marketing": False}}
    # A person decides that they may come back.
    moved = await client.post(f"/v1/leads/{back['id']}/transitions", json={"event": "clean"})
    assert moved.status_code == 201
    await client.delete("/v1/suppressions", params={"email": "ada@example.com", "reason": "erased"})
    assert (await client.get(f"/v1/leads/{back['id']}")).json()["can_contact"]["email"] is True


async def test_a_delivery_of_somebody_blocked_is_ignored(client: AsyncClient, worker: Callable) -> None:
    await suppress(client, domain="spam.example", reason="blocked")
    channel = {"key": "form", "vendor": "generic", "secret": "a-long-enough-secret"}
    made = (await client.post("/v1/channels", json=channel)).json()
    headers = {"X-Webhook-Secret": "a-long-enough-secret", "Authorization": "Bearer a-long-enough-secret"}
    await client.post(
        made["intake_url"].replace("http://leads.test", ""), json={"email": "a@spam.example"}, headers=headers
    )
    await worker()
    [delivery] = (await client.get("/v1/deliveries")).json()["data"]
    assert (delivery["status"], delivery["reason"], delivery["lead_ids"]) == ("ignored", "suppressed", [])


async def test_pages(client: AsyncClient) -> None:
    for number in range(5):
        await suppress(client, email=f"p{number}@example.com", reason=["blocked", "unsubscribed"][number % 2])
    found, cursor = [], None
    while True:
        params = {"limit": 2, "reason": "blocked"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/suppressions", params=params)).json()
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) == 3
    assert found == sorted(found, key=lambda one: one["created_at"], reverse=True)


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "blocked"},
        {"email": "a@b.example", "phone": "+4930901820", "reason": "blocked"},
        {"email": "nonsense", "reason": "blocked"},
        {"domain": "no domain", "reason": "blocked"},
        {"external_id": "crm", "reason": "blocked"},
        {"email": "a@b.example", "reason": "erased"},
    ],
)
async def test_refusals(client: AsyncClient, body: dict[str, str]) -> None:
    assert (await client.post("/v1/suppressions", json=body)).status_code == 422


async def test_who_may(client: AsyncClient, key: Callable) -> None:
    reader = {"Authorization": f"Bearer {await key('leads:read')}"}
    body = {"email": "a@b.example", "reason": "blocked"}
    assert (await client.get("/v1/suppressions", headers=reader)).status_code == 200
    assert (await client.post("/v1/suppressions", json=body, headers=reader)).status_code == 403


async def test_an_old_file_brings_nobody_back(client: AsyncClient, worker: Callable) -> None:
    first = (await client.post("/v1/leads", json=ADA)).json()
    await client.post(f"/v1/leads/{first['id']}/erasure")
    await suppress(client, domain="spam.example", reason="blocked")
    rows = b"email,name\nada@example.com,Ada\nbob@example.com,Bob\nx@spam.example,X\n"
    sent = await client.post(
        "/v1/imports", content=rows, params={"kind": "leads"}, headers={"Content-Type": "text/csv"}
    )
    assert sent.status_code == 202, sent.text
    await worker()
    faults = (await client.get(f"/v1/imports/{sent.json()['id']}/errors")).json()["data"]
    assert [(one["row"], one["code"]) for one in faults] == [(2, "suppressed"), (4, "suppressed")]
    assert [one["email"] for one in (await client.get("/v1/leads")).json()["data"]] == ["bob@example.com"]
    # Whom they erased by mistake comes back when the suppression is lifted.
    await client.delete("/v1/suppressions", params={"email": "ada@example.com"})
    again = await client.post(
        "/v1/imports", content=rows, params={"kind": "leads"}, headers={"Content-Type": "text/csv"}
    )
    assert again.status_code == 202
    await worker()
    assert len((await client.get("/v1/leads")).json()["data"]) == 2


async def test_a_merge_holds_against_one_what_was_held_against_the_other(client: AsyncClient) -> None:
    one = (await client.post("/v1/leads", json={"email": "one@example.com", "phone": "+49 30 901820"})).json()
    other = (await client.post("/v1/leads", json={"email": "other@example.com"})).json()
    await suppress(client, email="other@example.com", reason="blocked")
    merged = await client.post(f"/v1/leads/{one['id']}/merge", json={"duplicate_id": other["id"]})
    assert merged.status_code in {200, 201}, merged.text
    assert await contact(client, one) == (False, False)
    merge_id = (await client.get("/v1/merges")).json()["data"][0]["id"]
    undone = await client.post(f"/v1/merges/{merge_id}/undo")
    assert undone.status_code == 200, undone.text
    assert await contact(client, one) == (True, True)
    assert await contact(client, other) == (False, False)
