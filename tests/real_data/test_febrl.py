"""Febrl's first set: 1,000 records of 500 people, each once as it is and once with the mistakes of a clerk."""

from __future__ import annotations

import csv
from collections.abc import Awaitable, Callable
from itertools import combinations
from pathlib import Path

import pytest
from httpx import AsyncClient

from tests.real_data.loading import create_all, everything_holds, real_data

pytestmark = pytest.mark.real_data

NAMES = {"given_name": "first_name", "surname": "last_name"}


def records(folder: Path) -> list[dict[str, str]]:
    with (folder / "febrl1" / "dataset1.csv").open(newline="") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        return [{name.strip(): value.strip() for name, value in row.items()} for row in rows]


async def test_nearly_all_pairs_are_found_and_hardly_any_other(
    client: AsyncClient,
    worker: Callable[[], Awaitable[None]],
    database_url: str,
    record_property: Callable[[str, object], None],
) -> None:
    rows = records(real_data())
    bodies = [
        {
            **{NAMES[name]: value for name, value in row.items() if name in NAMES and value},
            "external_ids": {"febrl": row["rec_id"]},
            "attributes": {
                name: value for name, value in row.items() if name not in NAMES and name != "rec_id" and value
            },
        }
        for row in rows
    ]
    outcomes = await create_all(client, bodies)
    person = {one["lead"]["id"]: row["rec_id"].split("-")[1] for one, row in zip(outcomes, rows, strict=True)}
    true = {pair for pair in combinations(sorted(person), 2) if person[pair[0]] == person[pair[1]]}
    assert len(true) == 500
    await worker()

    found, address = set(), "/v1/duplicates?limit=100"
    while address:
        page = (await client.get(address)).json()
        found |= {tuple(sorted((pair["lead_id"], pair["duplicate_id"]))) for pair in page["data"]}
        address = page["next_cursor"] and f"/v1/duplicates?limit=100&cursor={page['next_cursor']}"
    precision, recall = len(found & true) / len(found), len(found & true) / len(true)
    # What the test run writes down, in its XML report for one: the figures, not only that they are good enough.
    record_property("febrl1", f"precision {precision:.4f}, recall {recall:.4f}")
    assert precision >= 0.98
    assert recall >= 0.95
    await everything_holds(database_url)
