"""What a young cohort may still become."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from httpx import AsyncClient
from sksurv.nonparametric import cumulative_incidence_competing_risks
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.stats import operations
from service.stats.schemas.funnel import FunnelOut, FunnelQuery
from tests.stats.recounting import NOW
from tests.stats.test_velocity import counted, spans_to
from tests.stats.worlds import Person


async def test_the_adjusted_rate_is_that_of_another_library(engine: AsyncEngine, world: list[Person]) -> None:
    async with transaction(engine) as connection:
        query = FunnelQuery(from_="2026-03-01", horizon="P120D")
        answer = await operations.funnel(connection, query, now=NOW)
        FunnelOut.model_validate(answer, strict=True)
    journeys = [journey for _, journey in counted(world, {"from": "2026-03-01"})]
    for stage in answer["totals"]["stages"][1:]:
        spans = [spans_to(journey, stage["stage"], strict=False) for journey in journeys]
        causes = np.array([("open", "reached", "churned").index(end) for _, end in spans])
        times, incidence, (low, high) = _curve(causes, np.array([max(spent, 1e-9) for spent, _ in spans]))
        step = np.searchsorted(times, 120.0, side="right") - 1
        found = stage["maturity"]["adjusted"]
        assert found["rate"] == pytest.approx(incidence[step], abs=1e-9)
        assert found["low"] == pytest.approx(low[step], abs=1e-7)
        assert found["high"] == pytest.approx(high[step], abs=1e-7)
        assert found["rate"] > stage["overall"]["rate"] or stage["maturity"]["maturity"] > 0.5


def _curve(causes: np.ndarray, spent: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    times, incidence, bounds = cumulative_incidence_competing_risks(causes, spent, conf_type="log-log")
    return times, incidence[1], bounds[1]


async def test_a_cohort_ripens(engine: AsyncEngine, world: list[Person]) -> None:
    async with transaction(engine) as connection:
        query = FunnelQuery(from_="2026-01-01", to="2026-03-01", horizon="P90D", group_by=["channel"])
        young = await operations.funnel(connection, query, now=NOW - timedelta(days=250))
        old = await operations.funnel(connection, query, now=NOW + timedelta(days=2000))
    assert old["totals"]["stages"][0]["maturity"] is None
    for before, after in zip(young["totals"]["stages"][1:], old["totals"]["stages"][1:], strict=True):
        assert (before["maturity"]["maturity"] or 0) <= after["maturity"]["maturity"] == 1.0
        assert after["maturity"]["immature"] is False
    assert young["totals"]["stages"][-1]["maturity"]["immature"] is True
    assert all(group["stages"][1]["maturity"] for group in old["groups"])


async def test_the_horizon_is_for_cohorts(client: AsyncClient) -> None:
    for query in ("horizon=P90D&mode=period", "horizon=P90D&window=P30D", "horizon=soon"):
        answer = await client.get(f"/v1/stats/funnel?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "?horizon"
    answer = await client.get("/v1/stats/funnel?horizon=P90D")
    assert answer.json()["totals"]["stages"][4]["maturity"]["adjusted"]["rate"] is None
