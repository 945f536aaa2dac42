"""Where the most wins would be gained."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.stats import ranking
from service.stats.schemas.bottlenecks import BottlenecksOut, BottlenecksQuery
from service.stats.wilson import wilson
from tests.stats.recounting import NOW, asked, listed
from tests.stats.worlds import Person


async def test_a_step_is_held_to_its_best(engine: AsyncEngine, world: list[Person]) -> None:
    async with transaction(engine) as connection:
        query = BottlenecksQuery(from_="2025-01-01", to="2026-01-01")
        answer = await ranking.bottlenecks(connection, query, now=NOW)
        BottlenecksOut.model_validate(answer, strict=True)
        whole = await asked(connection, **{"from": "2025-01-01", "to": "2026-01-01"})
        reached = {stage["stage"]: stage["reached"] for stage in whole["totals"]["stages"]}
        channels = (await asked(connection, **{"from": "2025-01-01", "to": "2026-01-01", "group_by": ["channel"]}))[
            "groups"
        ]
        quarters = {}
        for start, end in (
            ("2025-01-01", "2025-04-01"),
            ("2025-04-01", "2025-07-01"),
            ("2025-07-01", "2025-10-01"),
            ("2025-10-01", "2026-01-01"),
        ):
            quarters[start] = (await asked(connection, **{"from": start, "to": end}))["totals"]
        steps = answer["totals"]["steps"]
        assert [step["rank"] for step in steps] == [1, 2, 3, 4]
        assert [step["wins_gained"] for step in steps] == sorted((step["wins_gained"] for step in steps), reverse=True)
        for step in steps:
            here, there = step["from_stage"], step["to_stage"]
            examples: list[tuple[float, Any, int, int]] = []
            for name, group in [*quarters.items(), *((group["key"]["channel"], group) for group in channels)]:
                counts = {stage["stage"]: stage["reached"] for stage in group["stages"]}
                bounds = wilson(counts[there], counts[here])
                if counts[here] >= 30 and bounds:
                    examples.append((bounds[0], name, counts[there], counts[here]))
            best = max(examples, key=lambda one: one[0])
            assert (step["best"]["held_to"], step["best"]["name"]) == (pytest.approx(best[0]), best[1])
            onward = reached["won"] / reached[there]
            gained = max(0.0, best[0] - reached[there] / reached[here]) * reached[here] * onward
            assert step["wins_gained"] == pytest.approx(gained)
            assert await listed(connection, step["leads"]) == reached[here]
            assert await listed(connection, step["best"]["leads"]) == best[2]
            for name, address in step["links"].items():
                assert await listed(connection, address) == step[name]


async def test_nobody_is_an_example_for_itself(engine: AsyncEngine, world: list[Person]) -> None:
    async with transaction(engine) as connection:
        answer = await ranking.bottlenecks(
            connection, BottlenecksQuery(from_="2025-01-01", to="2026-01-01", channel=["web"]), now=NOW
        )
    kinds = {step["best"]["kind"] for step in answer["totals"]["steps"] if step["best"]}
    assert "channel" not in kinds


async def test_few_journeys_promise_nothing(client: AsyncClient) -> None:
    for number in range(5):
        await client.post("/v1/leads", json={"email": f"a{number}@firma.de", "channel": "web"})
    answer = (await client.get("/v1/stats/bottlenecks?group_by=channel")).json()
    assert all(step["best"] is None and step["wins_gained"] == 0 for step in answer["groups"][0]["steps"])
    assert answer["totals"]["journeys"] == 5
    assert (await client.get("/v1/stats/bottlenecks?skips=strict")).status_code == 422
