"""Recounting in plain Python what the statistics count in SQL, and following their addresses."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.lifecycle.ledger import Journey
from service.stats import operations
from service.stats.drilldown import behind_figure
from service.stats.schemas.funnel import FunnelOut, FunnelQuery

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RUNGS = ("acquired", "cleaned", "nurtured", "opportunity", "won")
CATEGORIES = ("disqualified", "lost", "lapsed", "customer")
STAGES = (*RUNGS, "churned", "reactivated")


async def listed(connection: AsyncConnection, address: str) -> int:
    """Return how many entries the list at an address has; they must be distinct."""
    assert address.startswith("/v1/leads?")
    behind = behind_figure(parse_qsl(urlsplit(address).query, keep_blank_values=True), now=NOW)
    entries = behind.statement.subquery()
    distinct = select(func.count(), func.count(func.distinct(func.row(entries.c.at, entries.c.lead_id, entries.c.n))))
    count, unique = (await connection.execute(distinct.select_from(entries), behind.parameters)).one()
    assert count == unique
    return count


async def check_addresses(connection: AsyncConnection, answer: dict[str, Any]) -> int:
    """Follow the addresses of a funnel's answer; return how many."""
    followed = 0
    for group in [*answer["groups"], answer["totals"]]:
        for stage in group["stages"]:
            figures = {"leads": stage.get("reached", stage.get("in"))}
            for part, address in stage["links"].items():
                category = part.removeprefix("churned.")
                if part == "churned":
                    figure = sum(stage["churned"].values())
                elif category != part:
                    figure = stage["churned"][category]
                else:
                    figure = stage["step"]["numerator"] if part == "next" else stage[part]
                assert await listed(connection, address) == figure, address
            assert await listed(connection, stage["leads"]) == figures["leads"], stage["leads"]
            followed += 1 + len(stage["links"])
        if "decided" in group:
            assert await listed(connection, group["leads"]) == group["decided"]["denominator"]
    return followed


async def asked(connection: AsyncConnection, **parameters: Any) -> dict[str, Any]:
    query = FunnelQuery.model_validate(parameters)
    answer = await operations.funnel(connection, query, now=NOW)
    FunnelOut.model_validate(answer, strict=True)
    return answer


# The plain recount: a journey's milestones, and no cells.


def milestones(journey: Journey, window: timedelta | None = None) -> tuple[set[str], str | None]:
    """Return the funnel stages a journey entered itself (the entry among them), and the category it churned with."""
    last = journey.started_at + window if window is not None else NOW
    times = {name: getattr(journey, f"{name}_at") for name in (*RUNGS[1:], "churned")}
    happened = {name for name, at in times.items() if at is not None and at <= last}
    return (happened - {"churned"}) | {"acquired"}, journey.outcome if "churned" in happened else None


def recount(
    journeys: Sequence[Journey], *, skips: str = "credit", window: timedelta | None = None
) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = []
    for rank, stage in enumerate(RUNGS):
        figures: Counter[str] = Counter()
        for journey in journeys:
            entered, churned = milestones(journey, window)
            furthest = max(RUNGS.index(name) for name in entered)
            reached = furthest >= rank if skips == "credit" else stage in entered
            figures["reached"] += reached
            figures["entered"] += stage in entered
            figures["skipped"] += reached and any(passed not in entered for passed in RUNGS[: rank + 1])
            figures["open"] += furthest == rank and churned is None and stage != "won"
            if furthest == rank and churned:
                figures[churned] += 1
        stages.append(
            {
                "stage": stage,
                **{name: figures[name] for name in ("reached", "entered", "skipped", "open")},
                "churned": {category: figures[category] for category in CATEGORIES},
            }
        )
    return stages


def assert_same(group: dict[str, Any], expected: list[dict[str, Any]], *, skips: str = "credit") -> None:
    for stage, wanted in zip(group["stages"], expected, strict=True):
        assert {name: stage[name] for name in wanted} == wanted
        assert stage["overall"]["numerator"] == wanted["reached"]
        assert stage["overall"]["denominator"] == group["entered"] == expected[0]["reached"]
    for stage, following in itertools.pairwise(group["stages"]):
        assert (following["step"]["numerator"], following["step"]["denominator"]) == (
            following["reached"],
            stage["reached"],
        )
        if skips == "credit":
            assert stage["reached"] - following["reached"] == sum(stage["churned"].values()) + stage["open"]
    won, decided = expected[-1]["reached"], group["decided"]
    assert decided["numerator"] == won
    assert decided["denominator"] == won + sum(sum(stage["churned"].values()) for stage in expected[:-1])


def value(person: Any, journey: Journey, dimension: str) -> Any:
    if dimension == "score_band":
        return ("below-25", "25-49", "50-74", "from-75")[sum(person.score >= bound for bound in (25, 50, 75))]
    return getattr(journey if dimension in ("channel", "campaign", "entry_stage") else person, dimension)
