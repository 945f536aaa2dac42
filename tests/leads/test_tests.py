"""Test leads and real people: who is counted when the one turns out to be the other."""

from __future__ import annotations

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from service.cleaning import normalise
from service.cleaning.submission import Submission
from service.core.clock import now
from service.core.database import transaction
from service.leads.book import Book
from service.leads.take_in import take_into


@pytest.fixture
def reached(client: AsyncClient):
    async def read() -> dict[str, int]:
        groups = (await client.get("/v1/stats/funnel", params={"channel": "web"})).json()["groups"]
        return {stage["stage"]: stage["reached"] for group in groups for stage in group["stages"]}

    return read


async def test_a_real_submission_makes_a_test_lead_real_and_counts_its_past(
    create, walk, events, reached, engine, faults
):
    lead = await create(email="ada@example.com", channel="web", test=True)
    lead = await walk(lead, "clean", "qualify", "win", "repurchase")
    assert set((await reached()).values()) <= {0}
    lead = await create(email="ada@example.com", channel="fair", job_title="CTO")
    assert (lead["test"], lead["job_title"], lead["verdict_reasons"]) == (False, "CTO", [])
    told = (await events(lead))[-1]
    assert told["data"]["changed"] == ["touchpoints", "test", "job_title"]
    assert await reached() == {"acquired": 2, "cleaned": 2, "nurtured": 2, "opportunity": 2, "won": 1}
    async with engine.begin() as connection:
        assert (await connection.execute(text("SELECT bool_and(counted) FROM journeys"))).scalar_one()
    assert await faults() == []
    await walk(lead, "win")
    assert (await reached())["won"] == 2
    assert await faults() == []


async def test_in_one_batch_too(engine, faults, reached):
    told = [("test", True), ("real", False), ("again", True)]
    submissions = [
        normalise(Submission(email="ada@example.com", channel="web", job_title=title, test=test, auto_clean=True))
        for title, test in told
    ]
    async with transaction(engine) as connection:
        book = Book(connection, now=now(), actor="test")
        await take_into(book, submissions, via="webhook")
        await book.flush()
    assert (await reached())["cleaned"] == 1
    assert await faults() == []


async def test_a_test_leaves_a_real_lead_as_it_is(create, walk, events, rows, faults):
    lead = await create(email="ada@example.com", channel="web")
    lead = await walk(lead, "churn")
    tried = await create(email="ada@example.com", phone="+4930901820", job_title="Tester", tags=["qa"], test=True)
    assert tried["id"] == lead["id"]
    assert (tried["test"], tried["job_title"], tried["phone"], tried["tags"]) == (False, None, None, [])
    assert tried["stage"] == "churned"
    assert (await events(lead))[-1]["data"]["changed"] == ["touchpoints"]
    assert len(await rows(lead, "touchpoints")) == 2
    other = await create(phone="+4930901820")
    assert other["id"] != lead["id"]
    assert await faults() == []
