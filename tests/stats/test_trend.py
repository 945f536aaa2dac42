"""The trend, held against the funnel of each of its buckets."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.stats import operations
from service.stats.schemas.trend import TrendOut, TrendQuery
from tests.stats.recounting import NOW, asked, listed

TRENDS: list[dict[str, Any]] = [
    {"interval": "month"},
    {"interval": "month", "mode": "cohort", "group_by": ["channel"]},
    {"interval": "week", "from": "2025-03-01", "to": "2025-05-01", "tz": "Europe/Berlin", "group_by": ["channel"]},
    {"interval": "day", "from": "2025-03-25", "to": "2025-04-02", "tz": "America/New_York", "group_by": ["industry"]},
    {"interval": "day", "from": "2025-03-25T01:02:03Z", "to": "2025-04-02", "mode": "cohort", "window": "P30D"},
    {"interval": "hour", "from": "2025-03-29T12:00:00Z", "to": "2025-03-31", "tz": "Asia/Kathmandu"},
    {"interval": "quarter", "unit": "lead", "tz": "Pacific/Apia"},
    {"interval": "year", "channel": ["web"], "mode": "cohort", "skips": "strict"},
]


async def test_a_trend_is_the_funnel_bucket_by_bucket(engine: AsyncEngine, world) -> None:
    async with transaction(engine) as connection:
        for case in TRENDS:
            query = TrendQuery.model_validate(case)
            answer = await operations.trend(connection, query, now=NOW)
            TrendOut.model_validate(answer, strict=True)
            buckets = answer["totals"]["buckets"]
            assert all(one["to"] == other["from"] for one, other in itertools.pairwise(buckets))
            assert buckets[-1]["to"] == answer["definition"]["to"]
            common = {name: held for name, held in case.items() if name not in ("interval", "from", "to", "tz")}
            common["mode"] = query.mode
            for index, bucket in list(enumerate(buckets))[:: max(1, len(buckets) // 12)]:
                edges = {"from": bucket["from"].isoformat(), "to": bucket["to"].isoformat()}
                funnel = await asked(connection, **common, **edges)
                part = "reached" if query.mode == "cohort" else "in"
                of_funnel = {
                    tuple(g["key"].values()): {s["stage"]: s[part] for s in g["stages"]} for g in funnel["groups"]
                }
                for group in answer["groups"]:
                    counts = group["buckets"][index]["counts"]
                    assert counts == of_funnel.get(tuple(group["key"].values()), dict.fromkeys(counts, 0))
                    for stage, address in group["buckets"][index]["leads"].items():
                        assert await listed(connection, address) == counts[stage]
                assert bucket["counts"] == {s["stage"]: s[part] for s in funnel["totals"]["stages"]}


async def test_an_empty_database_has_an_empty_funnel_and_no_trend(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        answer = await asked(connection)
        assert [stage["reached"] for stage in answer["groups"][0]["stages"]] == [0] * 5
        assert answer["groups"][0]["decided"] == {
            "numerator": 0,
            "denominator": 0,
            "rate": None,
            "low": None,
            "high": None,
            "insufficient_data": True,
        }
        assert (await asked(connection, group_by=["channel"]))["groups"] == []
        trend = await operations.trend(connection, TrendQuery(), now=NOW)
        assert trend["totals"]["buckets"] == []
        trend = await operations.trend(connection, TrendQuery(from_="2026-11-01", to="2026-11-04"), now=NOW)
        assert [bucket["counts"]["won"] for bucket in trend["totals"]["buckets"]] == [0, 0, 0]
