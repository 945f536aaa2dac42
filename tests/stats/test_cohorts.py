"""The cohort triangle, held against a plain count, and against the funnel with a window."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.stats import operations
from service.stats.schemas.cohorts import CohortsOut, CohortsQuery
from tests.stats.recounting import NOW, asked, listed
from tests.stats.worlds import Person

CASES: list[dict[str, Any]] = [
    {"from": "2025-01-01", "to": "2025-07-01"},
    {"from": "2025-01-01", "to": "2025-07-01", "milestone": "cleaned", "age": "P7D", "ages": 8, "skips": "strict"},
    {"interval": "quarter", "milestone": "opportunity", "group_by": ["channel"], "tz": "Europe/Berlin"},
    {"interval": "year", "milestone": "churned", "age": "PT36H", "ages": 60, "unit": "lead"},
]


@pytest.mark.parametrize("case", CASES)
async def test_a_triangle_is_a_funnel_with_a_window(
    engine: AsyncEngine, world: list[Person], case: dict[str, Any]
) -> None:
    async with transaction(engine) as connection:
        query = CohortsQuery.model_validate(case)
        answer = await operations.cohorts(connection, query, now=NOW)
        CohortsOut.model_validate(answer, strict=True)
        followed = 0
        for group in answer["groups"][:2]:
            for cohort in group["cohorts"][::2]:
                edges = {"from": cohort["from"].isoformat(), "to": cohort["to"].isoformat()}
                common = {name: case[name] for name in ("skips", "unit") if name in case}
                narrowed = {name: [value] for name, value in group["key"].items() if value is not None}
                missing = {"missing": [name for name, value in group["key"].items() if value is None]}
                for cell in cohort["cells"][::3]:
                    if cell is None or query.milestone == "churned":
                        continue
                    funnel = await asked(connection, **edges, **common, **narrowed, **missing, window=cell["age"])
                    stage = next(s for s in funnel["totals"]["stages"] if s["stage"] == query.milestone)
                    assert cell["cumulative"]["numerator"] == stage["reached"]
                    assert cell["cumulative"]["denominator"] == cohort["entered"] == funnel["totals"]["entered"]
                for cell in [cell for cell in cohort["cells"] if cell][::4]:
                    assert await listed(connection, cell["leads"]) == cell["count"]
                    assert await listed(connection, cell["cumulative_leads"]) == cell["cumulative"]["numerator"]
                    followed += 1
                assert await listed(connection, cohort["leads"]) == cohort["entered"]
        assert followed > 3


async def test_what_cannot_be_seen_yet_is_null(engine: AsyncEngine, world: list[Person]) -> None:
    async with transaction(engine) as connection:
        query = CohortsQuery(from_="2025-03-01", to="2025-04-01", age="P30D", ages=4)
        end = (await operations.cohorts(connection, query, now=NOW))["definition"]["to"]
        for days, seen in ((29, 0), (30, 1), (75, 2), (119, 3), (120, 4)):
            answer = await operations.cohorts(connection, query, now=end + timedelta(days=days))
            cells = answer["totals"]["cohorts"][0]["cells"]
            assert [cell is not None for cell in cells] == [True] * seen + [False] * (4 - seen)


async def test_the_questions_are_asked_over_http(client: AsyncClient) -> None:
    for name in ("flow", "occupancy", "cohorts"):
        answer = await client.get(f"/v1/stats/{name}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["definition"]["text"]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("cohorts?age=P0D", "?age"),
        ("cohorts?age=month", "?age"),
        ("cohorts?ages=0", "?ages"),
        ("cohorts?window=P3D", "?window"),
        ("cohorts?age=P36500D&ages=2", "?age"),
        ("occupancy?at=2025-01-01&from=2024-01-01", "?at"),
        ("flow?interval=fortnight", "?interval"),
    ],
)
async def test_wrong_parameters_are_named(client: AsyncClient, path: str, pointer: str) -> None:
    answer = await client.get(f"/v1/stats/{path}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_wrong_address_is_refused(client: AsyncClient) -> None:
    for query in (
        "cohorts&stage=acquired",
        "cohorts&stage=won&part=old",
        "cohorts&stage=won&part=P1D..x",
        "flow&stage=won&part=in",
    ):
        answer = await client.get(f"/v1/leads?behind={query}")
        assert answer.status_code == 422, query
