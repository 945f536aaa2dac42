"""Statistics over HTTP: scopes, refusals, addresses that lead somewhere, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Table

from service.core.tables import metadata
from service.stats.store import ledger


async def test_it_works(client: AsyncClient, populate) -> None:
    world = await populate(21, 80)
    journeys = [journey for person in world if not person.test for journey in person.journeys]
    answer = await client.get(
        "/v1/stats/funnel", params={"group_by": "channel", "channel": ["web", "fair"], "missing": "channel"}
    )
    assert answer.status_code == 200
    funnel = answer.json()
    assert {group["key"]["channel"] for group in funnel["groups"]} == {"web", "fair", None}
    assert funnel["totals"]["entered"] == sum(journey.channel != "unknown" for journey in journeys)
    definition = funnel["definition"]
    assert definition["filters"] == {"channel": ["web", "fair", None]}
    assert definition["from"] is None
    assert definition["to"].endswith("Z")
    assert "journeys" in definition["text"]


async def test_an_address_lists_as_many_entries_as_the_figure_says(client: AsyncClient, populate) -> None:
    await populate(22, 120)
    funnel = (await client.get("/v1/stats/funnel", params={"group_by": "campaign,country"})).json()
    trend = (await client.get("/v1/stats/trend", params={"interval": "quarter", "tz": "Asia/Shanghai"})).json()
    period = (await client.get("/v1/stats/funnel", params={"mode": "period", "from": "2025-02-03"})).json()
    figures = [(stage["leads"], stage["reached"]) for group in funnel["groups"] for stage in group["stages"]]
    figures += [
        (address, bucket["counts"][stage])
        for bucket in trend["totals"]["buckets"]
        for stage, address in bucket["leads"].items()
    ]
    figures += [
        (stage["links"][part], stage[part])
        for stage in period["totals"]["stages"]
        for part in stage["links"]
        if part != "next"
    ]
    for address, count in figures:
        page = await client.get(f"{address}&count=true&limit=500")
        assert page.status_code == 200, page.text
        assert page.json()["total"] == len(page.json()["data"]) == count, address
    assert len(figures) > 60


@pytest.mark.parametrize(
    ("path", "parameters", "pointer"),
    [
        ("funnel", {"mood": "good"}, "?mood"),
        ("funnel", {"mode": "guess"}, "?mode"),
        ("funnel", {"unit": "person"}, "?unit"),
        ("funnel", {"skips": "some"}, "?skips"),
        ("funnel", {"tz": "Mars"}, "?tz"),
        ("funnel", {"from": "2026-02-01", "to": "2026-01-01"}, "?to"),
        ("funnel", {"group_by": "mood"}, "?group_by"),
        ("funnel", {"mode": "period", "window": "P30D"}, "?window"),
        ("funnel", {"interval": "day"}, "?interval"),
        ("trend", {"interval": "minute"}, "?interval"),
        ("trend", {"interval": "hour", "from": "2020-01-01"}, "?interval"),
        ("trend", {"tz": "Mars"}, "?tz"),
    ],
)
async def test_a_wrong_question_is_refused_by_name(
    client: AsyncClient, path: str, parameters: dict[str, str], pointer: str
) -> None:
    answer = await client.get(f"/v1/stats/{path}", params=parameters)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]


async def test_only_who_may_read_statistics_reads_them(client: AsyncClient, key: Callable[..., Awaitable[str]]) -> None:
    for scope, status in (("stats:read", 200), ("leads:read", 403)):
        headers = {"Authorization": f"Bearer {await key(scope)}"}
        assert (await client.get("/v1/stats/funnel", headers=headers)).status_code == status
        assert (await client.get("/v1/stats/trend", headers=headers)).status_code == status


async def test_a_table_for_a_spreadsheet(client: AsyncClient, populate) -> None:
    await populate(23, 60)

    async def table(path: str, **parameters: str) -> list[dict[str, Any]]:
        answer = await client.get(f"/v1/stats/{path}", params=parameters, headers={"Accept": "text/csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.text)))

    rows = await table("funnel", group_by="channel")
    assert len(rows) == 5 * len({row["key.channel"] for row in rows})
    assert {row["stages.stage"] for row in rows} == {"acquired", "cleaned", "nurtured", "opportunity", "won"}
    assert all(int(row["stages.reached"]) >= 0 for row in rows)
    rows = await table("trend", interval="year", to="2027-01-01")
    assert [row["buckets.from"][:4] for row in rows] == ["2024", "2025", "2026"]
    assert all("buckets.counts.won" in row for row in rows)


def test_what_is_named_of_the_leads_tables_is_there() -> None:
    for name in ("leads", "journeys", "transitions"):
        named, real = getattr(ledger, name), metadata.tables[name]
        assert isinstance(real, Table)
        for column in named.c:
            assert isinstance(column.type, type(real.c[column.name].type)), column
