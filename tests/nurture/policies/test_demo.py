"""A year of the demo's business: replayed twice it comes to the same, and afterwards the timelines explain every move of a policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.demo import _write, _write_rules
from service.cli.story import tales
from service.core.database import fetch, transaction
from service.nurture import verify
from tests.nurture.policies.acting import Clock, timeline
from tests.nurture.policies.test_page import first_set

Run = Callable[[], Awaitable[None]]
LEADS = 80


async def test_a_year_of_the_demo(client: AsyncClient, engine: AsyncEngine, scored: Run, time: Clock) -> None:
    async with transaction(engine) as connection:
        await _write_rules(connection, at=time.at)
        await _write(connection, list(tales(LEADS, seed=7, until=time.at)), time.at)
    before = await rows(engine, "SELECT * FROM leads ORDER BY id")
    year = {"from": (time.at - timedelta(days=365)).isoformat(), "to": time.at.isoformat(), "scores": "computed"}
    answers = [await client.post("/v1/policies/dry-run", json=year | {"policies": first_set()}) for _ in range(2)]
    assert answers[0].status_code == 200, answers[0].text
    assert answers[0].content == answers[1].content
    told = answers[0].json()
    assert told["leads"] == sum(stage["real"] for stage in told["stages"]) == LEADS
    assert {one["key"] for one in told["policies"] if one["moved"]} >= {"clean-valid", "churn-idle"}
    assert told["real_moves"]["kept"] > 100
    assert await rows(engine, "SELECT * FROM leads ORDER BY id") == before

    await client.put("/v1/policies", json=first_set())
    await scored()
    moves = await rows(engine, "SELECT * FROM transitions WHERE actor LIKE 'policy:%' ORDER BY lead_id, sequence")
    assert len(moves) > 5
    for lead_id in dict.fromkeys(str(move["lead_id"]) for move in moves):
        items = await timeline(client, lead_id)
        why = {item["data"]["transition_id"]: item["data"] for item in items if item["kind"] == "policy"}
        for item in items:
            if item["kind"] == "transition" and item["data"]["actor"].startswith("policy:"):
                explained = why[item["data"]["id"]]
                assert item["data"]["actor"] == f"policy:{explained['policy']}"
                assert explained["why"]["stage"] == item["data"]["from_stage"]
                assert explained["version"] == 1
    async with transaction(engine) as connection:
        assert await verify.verify(connection) == []
        await connection.execute(text("DELETE FROM policy_firings"))
        assert len(await verify.verify(connection)) > 5


async def rows(engine: AsyncEngine, statement: str) -> list[dict[str, Any]]:
    async with transaction(engine) as connection:
        return await fetch(connection, text(statement))
