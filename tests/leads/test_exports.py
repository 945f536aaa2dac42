"""GET /v1/exports/…, in every format; Parquet is read back with pyarrow."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from pyarrow import parquet
from sqlalchemy import text

from service.core.database import transaction
from service.core.http.negotiation import best_of
from service.leads.answers import LeadOut
from service.leads.exports import exporting
from service.leads.exports.exporting import Order, export
from service.leads.listing import LeadFilters

CAST: list[dict[str, Any]] = [
    {
        "email": "ada@example.com", "phone": "+4930901820", "full_name": '=Ada, "Lovelace"\n& 爱达', "channel": "web", "tags": ["vip", "b"],
        "company": {"name": "Engines", "country": "GB"}, "external_ids": {"crm": "1", "shop": "-2"}, "utm": {"source": "x", "odd": "y"},
        "attributes": {"plan": "pro", "seats": 10, "since": "2026-01-31", "ok": True, "note": {"a": [1, None]}},
        "occurred_at": "2026-01-01T00:00:00.123456Z",
    },
    {"external_ids": {"erp": "4"}, "channel": "fair", "attributes": {"seats": 0.5, "plan": "gone", "since": "soon", "ok": "yes", "memo": 7}},
    {"email": "bob@example.com", "test": True},
]  # fmt: skip
NDJSON, CSV, PARQUET = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet"


@pytest.fixture
async def people(client: AsyncClient, create, walk):
    made = [await create(**person) for person in CAST]
    await walk(made[0], "clean", "qualify", ("win", {"amount": "12500.5", "currency": "EUR"}), "repurchase")
    await walk(made[1], "churn")
    for key, kind in {"seats": "number", "since": "date", "ok": "boolean", "memo": "text"}.items():
        assert (await client.post("/v1/attributes", json={"key": key, "type": kind})).status_code == 201
    await client.post("/v1/attributes", json={"key": "plan", "type": "choice", "choices": ["pro", "free"]})
    return [(await client.get(f"/v1/leads/{one['id']}")).json() for one in made]


async def fetched(client: AsyncClient, kind: str, accept: str = NDJSON, **query: Any) -> Any:
    answer = await client.get(f"/v1/exports/{kind}", headers={"Accept": accept}, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == accept
    if accept == NDJSON:
        return [json.loads(line) for line in answer.text.splitlines()]
    if accept == CSV:
        return list(csv.DictReader(io.StringIO(answer.text)))
    return parquet.read_table(io.BytesIO(answer.content))


async def test_it_works(client: AsyncClient, people):
    assert await fetched(client, "leads") == people
    answer = await client.get("/v1/exports/leads")
    assert answer.headers["content-type"] == NDJSON
    assert answer.headers["content-disposition"] == 'attachment; filename="leads.ndjson"'
    assert "content-length" not in answer.headers


async def test_csv(client: AsyncClient, people):
    ada, nobody, _ = await fetched(client, "leads", CSV)
    assert ada["email"] == "ada@example.com"
    assert ada["full_name"] == "'" + people[0]["full_name"]
    assert (ada["phone"], ada["external_ids.crm"], ada["external_ids.shop"]) == ("'+4930901820", "1", "'-2")
    assert (ada["company.name"], ada["tags"], ada["amount"]) == ("Engines", "b;vip", "12500.50")
    assert (ada["acquired_at"], ada["test"], ada["journey"]) == ("2026-01-01T00:00:00.123456Z", "false", "2")
    assert (ada["attributes.seats"], ada["attributes.since"], ada["attributes.ok"]) == ("10", "2026-01-31", "true")
    assert json.loads(ada["attributes"]) == people[0]["attributes"]
    assert json.loads(ada["utm"]) == {"source": "x", "odd": "y"}
    assert (ada["utm.source"], nobody["utm"], nobody["email"]) == ("x", "", "")
    assert (nobody["external_ids.erp"], nobody["attributes.since"], nobody["attributes.plan"]) == ("4", "soon", "gone")


async def test_parquet_has_types_and_loses_nothing(client: AsyncClient, people):
    table = await fetched(client, "leads", PARQUET)
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    for name, kind in {
        "id": "string", "score": "int64", "test": "bool", "amount": "decimal128(20, 4)", "acquired_at": "timestamp[us, tz=UTC]",
        "tags": "list<element: string>", "attributes": "string", "attributes.seats": "double", "attributes.since": "date32[day]",
        "attributes.ok": "bool", "attributes.plan": "string", "external_ids.crm": "string", "can_contact.email": "bool",
    }.items():  # fmt: skip
        assert kinds[name] == kind, name
    ada, nobody, bob = table.to_pylist()
    assert ada["acquired_at"] == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert (ada["amount"], ada["tags"], ada["full_name"]) == (Decimal("12500.5"), ["b", "vip"], people[0]["full_name"])
    assert (ada["attributes.seats"], ada["attributes.since"], ada["attributes.ok"]) == (10.0, date(2026, 1, 31), True)
    assert (nobody["attributes.seats"], nobody["attributes.since"], nobody["attributes.ok"]) == (0.5, None, None)
    assert (nobody["attributes.memo"], nobody["attributes.plan"], bob["test"]) == ("7", "gone", True)
    for row, lead in zip(table.to_pylist(), people, strict=True):
        assert json.loads(row["attributes"]) == lead["attributes"]
        assert json.loads(row["external_ids"]) == lead["external_ids"]
    shown = {name.partition(".")[0] for name in table.column_names}
    assert set(LeadOut.model_fields) - shown == set()


@pytest.mark.parametrize("kind", ["transitions", "journeys"])
async def test_ledgers_and_journeys(client: AsyncClient, people, rows, kind: str):
    expected = [item for lead in people for item in await rows(lead, kind)]
    found = await fetched(client, kind)
    of_lead = {"lead_id", "counted"} if kind == "journeys" else set()
    assert [{name: item[name] for name in item.keys() - of_lead} for item in found] == expected
    assert kind == "transitions" or [item["counted"] for item in found] == [True, True, True, False]
    assert len(found) == {"transitions": 8, "journeys": 4}[kind]
    table = await fetched(client, kind, PARQUET)
    assert table.num_rows == len(found)
    assert set(table.column_names) == set(found[0])
    lines = await fetched(client, kind, CSV)
    assert [line["amount"] for line in lines] == [item["amount"] or "" for item in found]
    assert set(lines[0]) == set(table.column_names)


async def test_superseded_rows_are_there_if_asked_for(client: AsyncClient, people):
    body = {"from_sequence": 4, "transitions": [], "reason": "never won"}
    answer = await client.post(f"/v1/leads/{people[0]['id']}/corrections", json=body)
    assert answer.status_code == 201, answer.text
    assert len(await fetched(client, "transitions")) == 6
    every = await fetched(client, "transitions", superseded="true")
    assert (len(every), sum(one["superseded_at"] is not None for one in every)) == (8, 2)


async def test_the_filters_are_those_of_the_list(client: AsyncClient, people):
    for query in (
        {"channel": "web"},
        {"channel": ["web", "fair"], "missing": "channel"},
        {"attributes.seats_gte": "1"},
        {"attributes.plan": "gone"},
        {"missing": "attributes.plan"},
        {"tag": "vip", "q": "ada"},
        {"external_id": "erp:4"},
        {"stage": "won"},
    ):
        listed = (await client.get("/v1/leads", params={"sort": "created_at", **query})).json()["data"]
        assert await fetched(client, "leads", **query) == listed, query
        ids = {lead["id"] for lead in listed}
        for kind in ("transitions", "journeys"):
            assert {item["lead_id"] for item in await fetched(client, kind, **query)} == ids, (kind, query)


async def test_nothing_is_a_file_too(client: AsyncClient):
    assert await fetched(client, "leads") == []
    assert await fetched(client, "journeys", CSV) == []
    assert (await client.get("/v1/exports/journeys?format=csv")).text.startswith("lead_id,")
    assert (await fetched(client, "leads", PARQUET)).num_rows == 0


async def test_an_erased_person_is_not_exported(client: AsyncClient, people):
    await client.post(f"/v1/leads/{people[0]['id']}/erasure")
    for kind in ("leads", "transitions", "journeys"):
        assert "ada" not in str(await fetched(client, kind)).lower()


async def test_what_is_wrong_is_told_by_the_status(client: AsyncClient, people):
    for query, pointer in [
        ("colour=red", "?colour"),
        ("limit=5", "?limit"),
        ("sort=score", "?sort"),
        ("format=xlsx", "?format"),
        ("missing=mood", "?missing"),
        ("attributes.seats_gte=x", "?attributes.seats_gte"),
        ("email=ada", "?email"),
    ]:
        answer = await client.get(f"/v1/exports/leads?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), query
    answer = await client.get("/v1/exports/leads", headers={"Accept": "application/pdf"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert (await client.get("/v1/exports/leads?superseded=true")).status_code == 422
    assert (await client.get("/v1/exports/feelings")).status_code == 404


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        (None, "a/x"),
        ("*/*", "a/x"),
        ("text/csv", "text/csv"),
        ("a/*;q=0.1, text/csv", "text/csv"),
        ("text/csv;q=0.2,a/x;q=0.9", "a/x"),
        ("text/*, */*;q=0.1", "text/csv"),
        ("image/png", None),
        ("a/x;q=0, text/csv;q=0", None),
        ("a/x;q=nonsense", None),
    ],
)
def test_which_format(accept: str | None, best: str | None):
    assert best_of(accept, ("a/x", "text/csv")) == best


@pytest.fixture
async def crowd(engine, create):
    """Two thousand and one leads, by copying one."""
    lead = await create(email="first@example.com", channel="web", attributes={"n": 1})
    names = "stage, furthest_stage, stage_entered_at, journey, sequence, version, channel, utm, external_ids, consent, score, tags, attributes, verdict, verdict_reasons, test, created_at, updated_at, acquired_at"
    async with transaction(engine) as connection:
        await connection.execute(
            text(
                f"INSERT INTO leads (id, {names}) SELECT gen_random_uuid(), {names} FROM leads, generate_series(1, 2000) WHERE id = :id"
            ),
            {"id": lead["id"]},
        )
    return lead


async def test_one_instant_in_many_parts(client: AsyncClient, engine, crowd):
    for form in ("ndjson", "csv", "parquet"):
        parts = export(engine, Order("leads", form, LeadFilters()))
        first = await anext(parts)
        async with transaction(engine) as connection:
            await connection.execute(text("UPDATE leads SET channel = 'changed'"))
        rest = [part async for part in parts]
        whole = b"".join([first, *rest])
        if form == "parquet":
            table = parquet.read_table(io.BytesIO(whole))
            assert (table.num_rows, set(table["channel"].to_pylist())) == (2001, {"web"})
        else:
            assert len(rest) >= 4
            assert (whole.count(b"\n"), b"changed" in whole) == (2001 + (form == "csv"), False)
        async with transaction(engine) as connection:
            await connection.execute(text("UPDATE leads SET channel = 'web'"))


async def test_parquet_has_row_groups_of_a_bounded_size(engine, crowd, monkeypatch):
    monkeypatch.setattr("service.leads.exports.formats._ROW_GROUP", 700)
    whole = b"".join([part async for part in export(engine, Order("leads", "parquet", LeadFilters()))])
    file = parquet.ParquetFile(io.BytesIO(whole))
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (2001, 3)


async def test_only_so_many_at_once_and_places_come_back(client: AsyncClient, engine, crowd):
    held = [export(engine, Order("leads", "ndjson", LeadFilters())) for _ in range(exporting.MOST_AT_ONCE)]
    for parts in held:
        await anext(parts)
    answer = await client.get("/v1/exports/leads")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    for parts in held:
        await parts.aclose()
    answers = await asyncio.gather(*(client.get("/v1/exports/leads?format=csv") for _ in range(3)))
    assert [answer.text.count("\n") for answer in answers] == [2002] * 3
    assert engine.pool.checkedout() == 0


async def test_a_reader_who_goes_away_leaves_nothing_behind(app, engine, crowd, key):
    token = await key("leads:read")
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/v1/exports/leads", "raw_path": b"/v1/exports/leads", "query_string": b"", "root_path": "", "client": None,
        "headers": [(b"authorization", f"Bearer {token}".encode())], "server": ("leads.test", 80), "state": {},
    }  # fmt: skip
    sent = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += 1
        if sent > 2:
            raise OSError("gone")

    await app(scope, receive, send)
    assert engine.pool.checkedout() == 0
    assert exporting._under_way[engine] == 0
