"""POST /v1/leads/batch and POST /v1/transitions/batch."""

from __future__ import annotations

import json

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from service.leads.book import Book

GOOD = {"email": "ada@example.com", "channel": "web"}
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def send(client: AsyncClient):
    async def post(items, address: str = "/v1/leads/batch") -> list[dict]:
        answer = await client.post(address, json=items)
        assert answer.status_code == 200, answer.text
        assert [item["index"] for item in answer.json()["data"]] == list(range(len(answer.json()["data"])))
        return answer.json()["data"]

    return post


async def test_it_works(client: AsyncClient, send, faults):
    done = await send([GOOD, {"email": "bob@example.com"}, GOOD | {"channel": "fair"}])
    assert [item["status"] for item in done] == [201, 201, 200]
    assert done[0]["lead"]["id"] == done[2]["lead"]["id"]
    assert done[2]["lead"]["matched_by"] == ["email"]
    assert (await client.get("/v1/leads?count=true")).json()["total"] == 2
    assert await faults() == []


async def test_the_three_forms_of_a_batch(client: AsyncClient, send):
    items = [{"email": f"p{n}@example.com"} for n in range(3)]
    first = [item["lead"]["id"] for item in await send(items)]
    assert [item["lead"]["id"] for item in await send({"data": items})] == first
    lines = "\r\n".join(["", *map(json.dumps, items), "", ""]).encode()
    answer = await client.post("/v1/leads/batch", content=lines, headers=NDJSON)
    assert [item["lead"]["id"] for item in answer.json()["data"]] == first


BAD = [
    ({"email": "nobody"}, "/email"),
    ({"email": "x@example.com", "full_name": "A\u0000"}, "/full_name"),
    ({"email": "x@example.com", "stage": "won"}, "/stage"),
    ({"email": "x@example.com", "attributes": {"n": 2**63}}, "/attributes/n"),
    ({"email": "x@example.com", "occurred_at": "2099-01-01T00:00:00Z"}, "/occurred_at"),
    ({"channel": "web"}, ""),
    ({}, ""),
    (None, ""),
    (7, ""),
    ([], ""),
    ("x", ""),
]


async def test_a_bad_item_spoils_no_other(client: AsyncClient, send, faults):
    items = [item for number, (bad, _) in enumerate(BAD) for item in ({"email": f"p{number}@example.com"}, bad)]
    done = await send(items)
    assert [item["status"] for item in done] == [201, 422] * len(BAD)
    for item, (bad, pointer) in zip(done[1::2], BAD, strict=True):
        assert item["problem"]["status"] == 422
        assert item["problem"]["errors"][0]["pointer"] == pointer, bad
    assert [item["lead"]["email"] for item in done[::2]] == [f"p{number}@example.com" for number in range(len(BAD))]
    assert (await client.get("/v1/leads?count=true")).json()["total"] == len(BAD)
    assert await faults() == []


async def test_a_broken_line_spoils_no_other(client: AsyncClient):
    lines = [
        b'{"email":"a@example.com"}',
        b"{",
        b'{"email":"b@example.com"}',
        b"\xff",
        b'{"email":"\\u0000"}',
        b"NaN",
        b"[" * 99,
        b'"\\ud800"',
    ]
    answer = await client.post("/v1/leads/batch", content=b"\n".join(lines), headers=NDJSON)
    assert [item["status"] for item in answer.json()["data"]] == [201, 422, 201] + [422] * 5


@pytest.mark.parametrize("address", ["/v1/leads/batch", "/v1/transitions/batch"])
async def test_a_body_that_is_no_batch(client: AsyncClient, address: str):
    kind = {"Content-Type": "application/json"}
    for body in (
        b"",
        b"[]",
        b"{}",
        b"null",
        b"7",
        b'{"data": {}}',
        b'{"data": []}',
        b'{"data": [], "x": 1}',
        b"[1",
        b"\xff",
        b"[" * 500,
        b"[NaN]",
        b'["\\ud800"]',
    ):
        answer = await client.post(address, content=body, headers=kind)
        assert answer.status_code == 422, body
    for body in (b"", b"\n\n"):
        assert (await client.post(address, content=body, headers=NDJSON)).status_code == 422
    assert (
        await client.post(address, content=b"email\na@b.c", headers={"Content-Type": "text/csv"})
    ).status_code == 415
    answer = await client.post(address, json=[{}] * 1001)
    assert (answer.status_code, answer.json()["detail"]) == (422, "a batch has 1 to 1000 items, not 1001")
    answer = await client.post(address, content=b" " * (17 << 20), headers=kind)
    assert answer.status_code == 413


async def test_a_thousand_at_once(client: AsyncClient, send, faults):
    done = await send([{"email": f"p{n % 900}@example.com", "channel": f"c{n % 7}"} for n in range(1000)])
    assert [item["status"] for item in done] == [201] * 900 + [200] * 100
    moved = await send([{"lead_id": item["lead"]["id"], "event": "clean"} for item in done], "/v1/transitions/batch")
    assert [item["status"] for item in moved] == [201] * 900 + [409] * 100
    assert await faults() == []


async def test_transitions(client: AsyncClient, create, send, rows, faults):
    ada = await create(email="ada@example.com", external_ids={"crm": "7:1"})
    bob = await create(email="bob@example.com")
    nobody = "00000000-0000-7000-8000-000000000000"
    await client.post("/v1/lifecycle/reasons", json={"code": "moved_abroad", "category": "lapsed"})
    items = [
        ({"lead_id": ada["id"], "event": "clean"}, 201, None),
        ({"lead_id": ada["id"], "event": "clean"}, 409, "transition_refused"),
        ({"external_id": "crm:7:1", "event": "qualify"}, 201, None),
        ({"lead_id": bob["id"], "event": "churn"}, 409, "transition_refused"),
        ({"lead_id": bob["id"], "event": "churn", "reason": "bored"}, 422, "unknown_reason"),
        ({"lead_id": bob["id"], "event": "churn", "reason": "moved_abroad"}, 201, None),
        ({"lead_id": nobody, "event": "clean"}, 404, "lead_not_found"),
        ({"external_id": "crm:8", "event": "clean"}, 404, "lead_not_found"),
        ({"external_id": "crm", "event": "clean"}, 422, "validation_failed"),
        ({"event": "clean"}, 422, "validation_failed"),
        ({"lead_id": ada["id"], "external_id": "crm:7:1", "event": "win"}, 422, "validation_failed"),
        ({"lead_id": "x", "event": "clean"}, 422, "validation_failed"),
        ({"lead_id": ada["id"], "event": "win", "amount": 5}, 422, "validation_failed"),
        ({"lead_id": ada["id"], "event": "win", "note": "\u0000"}, 422, "validation_failed"),
        ({"lead_id": ada["id"], "event": "win", "occurred_at": "2020-01-01T00:00:00Z"}, 409, "occurred_out_of_order"),
        ({"lead_id": ada["id"], "event": "win", "amount": 5, "currency": "EUR"}, 201, None),
    ]
    done = await send([item for item, _, _ in items], "/v1/transitions/batch")
    assert [(item["status"], item.get("problem", {}).get("code")) for item in done] == [item[1:] for item in items]
    assert [row["event"] for row in await rows(ada, "transitions")] == ["acquire", "clean", "qualify", "win"]
    assert done[2]["transition"] == (await rows(ada, "transitions"))[2]
    assert await faults() == []


async def test_the_same_batch_with_the_same_key_happens_once(client: AsyncClient):
    headers = {"Idempotency-Key": "batch-1"}
    first = await client.post("/v1/leads/batch", json=[GOOD, {}], headers=headers)
    again = await client.post("/v1/leads/batch", json=[GOOD, {}], headers=headers)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_an_external_id_that_moves_while_a_batch_waits_moves_the_wrong_lead_never(
    client: AsyncClient, engine, create, monkeypatch
):
    ada = await create(external_ids={"crm": "1"}, email="ada@example.com")
    take = Book.take

    async def slow(book: Book, ids) -> None:
        async with engine.begin() as other:
            await other.execute(text("DELETE FROM identities WHERE kind = 'external:crm'"))
            await other.execute(text("UPDATE leads SET external_ids = '{}'"))
        await take(book, ids)

    monkeypatch.setattr(Book, "take", slow)
    answer = await client.post("/v1/transitions/batch", json=[{"external_id": "crm:1", "event": "clean"}])
    assert answer.status_code == 503
    assert (await client.get(f"/v1/leads/{ada['id']}")).json()["stage"] == "acquired"
