"""Many clients at once tell of the same people, each time in another way: each person ends as one lead.

``ONE_PERSON_ONCE=1000,20000`` in the environment runs it at full size.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import faults_in
from service.core.database import create_engine
from service.worker import tasks

CLIENTS = 32
PEOPLE, POSTS = (int(number) for number in os.environ.get("ONE_PERSON_ONCE", "40,600").split(","))


def spellings(chance: random.Random, person: int) -> dict[str, Any]:
    """Tell of somebody in one of the ways that forms, lists and people have."""
    mail, number = f"person.{person}@firm{person % 90}.example.com", f"0151{23_000_000 + person}"
    mails = [mail, mail.upper(), mail.title(), f"  {mail} ", f"Person {person} <{mail}>", f"mailto:{mail}"]
    phones = [
        f"+49{number[1:]}", f"0049 {number[1:4]} {number[4:]}", f"+49 (0){number[1:4]}-{number[4:8]} {number[8:]}",
        f"tel:+49-{number[1:4]}-{number[4:]}", number,
    ]  # fmt: skip
    body: dict[str, Any] = {"company": {"country": "DE"}}
    ways = chance.choice(["mail", "phone", "both", "both", "id and mail", "id and phone"])
    if "mail" in ways or ways == "both":
        body["email"] = chance.choice(mails)
    if "phone" in ways or ways == "both":
        body["phone"] = chance.choice(phones)
    if "id" in ways:
        body["external_ids"] = {"crm": f"C-{person}"}
    return body


def everybody(chance: random.Random) -> list[dict[str, Any]]:
    """Everything that is told, in any order; of each person at least once all there is, so that nobody stays in pieces."""
    told = [spellings(chance, chance.randrange(PEOPLE)) for _ in range(POSTS - PEOPLE)]
    told += [
        {"email": f"person.{person}@firm{person % 90}.example.com", "phone": f"+49151{23_000_000 + person}", "external_ids": {"crm": f"C-{person}"}}
        for person in range(PEOPLE)
    ]  # fmt: skip
    chance.shuffle(told)
    return told


@pytest.fixture
async def workers_engine(database_url: str, engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Yield connections of a worker's own, as it has them in its own process."""
    own = create_engine(database_url, pool_size=4)
    yield own
    await own.dispose()


@pytest.mark.timeout(1800)
async def test_each_person_is_one_lead(client: AsyncClient, workers_engine: AsyncEngine, database_url: str) -> None:
    told = everybody(random.Random(20))
    done = asyncio.Event()
    again: Counter[str] = Counter()

    async def tell() -> None:
        while told:
            body = told.pop()
            while (answer := await client.post("/v1/leads", json=body)).status_code == 503:
                again[answer.json()["detail"]] += 1
                await asyncio.sleep(0.05)
            assert answer.status_code in {200, 201}, answer.text

    chores = [one for one in tasks(workers_engine) if one.name in {"find_duplicates", "merge_duplicates"}]

    async def work() -> None:
        while not done.is_set():
            await asyncio.gather(*[chore.run() for chore in chores])

    worker = asyncio.create_task(work())
    await asyncio.gather(*[tell() for _ in range(CLIENTS)])
    done.set()
    await worker
    while any([await chore.run() for chore in chores]):
        pass
    count = (await client.get("/v1/leads?count=true&limit=1")).json()["total"]
    print(  # noqa: T201  figures for whoever asked for the full size
        f"{POSTS} posts by {CLIENTS} clients: {count} leads of {PEOPLE} people, {again.total()} answered 503 and sent again: {again}"
    )
    assert (await client.get("/v1/duplicates?status=pending")).json()["data"] == []
    assert (await client.get("/v1/duplicates")).json()["data"] == []
    assert count == PEOPLE
    assert await faults_in(database_url) == []
