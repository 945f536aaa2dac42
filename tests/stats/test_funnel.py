"""The funnel over a world of random lives: every figure against a plain recount, every address against its figure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import transaction
from service.lifecycle.ledger import Journey
from service.stats import operations
from service.stats.drilldown import behind_figure
from service.stats.fold import fold
from service.stats.schemas import FunnelOut, FunnelQuery, TrendOut, TrendQuery

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


CASES: list[dict[str, Any]] = [
    {},
    {"group_by": ["channel"]},
    {"group_by": ["channel,campaign"], "from": "2024-06-15", "to": "2026-02-01"},
    {"group_by": ["entry_stage", "campaign", "channel"], "skips": "strict"},
    {"from": "2024-12-31T22:00:00Z", "to": "2025-04-01", "tz": "Europe/Berlin", "group_by": ["campaign"]},
    {"from": "2025-01-01T00:07:30.5Z", "to": "2026-01-01T00:00:01Z", "group_by": ["channel"]},
    {"unit": "lead", "group_by": ["channel"]},
    {"unit": "lead", "group_by": ["industry"], "skips": "strict"},
    {"group_by": ["industry", "country", "channel"]},
    {"group_by": ["score_band"]},
    {"window": "P30D"},
    {"window": "P30D", "group_by": ["channel", "country"], "unit": "lead"},
    {"window": "PT0S", "skips": "strict"},
    {"channel": ["web", "unknown"], "group_by": ["channel"]},
    {"channel": ["web"], "missing": ["channel"], "group_by": ["campaign"]},
    {"missing": ["channel", "industry"]},
    {"industry": ["steel"], "entry_stage": ["acquired"], "group_by": ["industry"]},
    {"channel": ["nobody"]},
    {"channel": ["nobody"], "group_by": ["channel"]},
]


@pytest.fixture
async def world(populate, engine: AsyncEngine) -> Any:
    """A world whose deltas are half folded."""
    people = await populate(11, 400)
    async with transaction(engine) as connection:
        await fold(connection, 300)
    return people


def matches(person: Any, journey: Journey, case: dict[str, Any]) -> bool:
    from service.stats.asking import DIMENSIONS, question_of

    question = question_of(FunnelQuery.model_validate(case), mode="cohort", now=NOW)
    if person.test or not question.low <= journey.started_at < question.high:
        return False
    if case.get("unit") == "lead" and journey.number > 1:
        return False
    for dimension in DIMENSIONS:
        wanted = [*case.get(dimension, []), *([None] if dimension in case.get("missing", []) else [])]
        if wanted and value(person, journey, dimension) not in wanted:
            return False
    return True


async def test_every_figure_is_the_recount_and_every_address_lists_it(engine: AsyncEngine, world) -> None:
    followed = 0
    async with transaction(engine) as connection:
        for case in CASES:
            answer = await asked(connection, **case)
            chosen = [(p, j) for p in world for j in p.journeys if matches(p, j, case)]
            dimensions = ",".join(case.get("group_by", [])).split(",") if case.get("group_by") else []
            options = {"skips": case.get("skips", "credit"), "window": None}
            if "window" in case:
                options["window"] = timedelta(days=30) if case["window"] == "P30D" else timedelta(0)
            keys = {tuple(value(p, j, dimension) for dimension in dimensions) for p, j in chosen}
            assert {tuple(group["key"].values()) for group in answer["groups"]} == (keys if dimensions else {()}), case
            for group in answer["groups"]:
                members = [
                    j for p, j in chosen if all(value(p, j, name) == held for name, held in group["key"].items())
                ]
                assert_same(group, recount(members, **options), skips=options["skips"])
            assert_same(answer["totals"], recount([j for _, j in chosen], **options), skips=options["skips"])
            if len(answer["groups"]) < 6:
                followed += await check_addresses(connection, answer)
    assert followed > 300


async def test_tags_count_a_lead_in_each_of_its_groups_and_once_in_the_totals(engine: AsyncEngine, world) -> None:
    chosen = [(p, j) for p in world for j in p.journeys if not p.test]
    async with transaction(engine) as connection:
        answer = await asked(connection, group_by=["tag"])
        assert {group["key"]["tag"] for group in answer["groups"]} == {None, "vip", "fair", "old"}
        for group in answer["groups"]:
            tag = group["key"]["tag"]
            assert_same(group, recount([j for p, j in chosen if (tag in p.tags if tag else not p.tags)]))
        assert_same(answer["totals"], recount([j for _, j in chosen]))
        await check_addresses(connection, answer)
        some = await asked(connection, group_by=["tag"], tag=["vip", "old"])
        assert {group["key"]["tag"] for group in some["groups"]} == {"vip", "old"}
        assert_same(some["totals"], recount([j for p, j in chosen if {"vip", "old"} & set(p.tags)]))
        await check_addresses(connection, some)


def standing(person: Any, at: datetime) -> Any:
    return next((move for move in reversed(person.moves) if move.occurred_at < at), None)


PERIODS: list[dict[str, Any]] = [
    {},
    {"from": "2025-01-01", "to": "2025-07-01"},
    {"from": "2025-03-30", "to": "2025-04-05", "tz": "Asia/Kathmandu", "group_by": ["channel"]},
    {"from": "2025-01-01T10:10:10Z", "group_by": ["channel"]},
    {"from": "2025-01-01", "unit": "lead", "skips": "strict"},
    {"from": "2025-01-01", "group_by": ["industry"]},
    {"from": "2025-01-01", "group_by": ["entry_stage"], "channel": ["web"]},
]


async def test_a_period_balances_and_is_the_recount(engine: AsyncEngine, world) -> None:
    from service.stats.asking import question_of

    async with transaction(engine) as connection:
        for case in PERIODS:
            answer = await asked(connection, mode="period", **case)
            question = question_of(FunnelQuery.model_validate(case), mode="period", now=NOW)
            for group in [*answer["groups"], answer["totals"]]:

                def counts(person: Any, journey: Journey, key: dict[str, Any] = group["key"]) -> bool:
                    if person.test or (case.get("unit") == "lead" and journey.number > 1):  # noqa: B023
                        return False
                    if journey.channel not in case.get("channel", [journey.channel]):  # noqa: B023
                        return False
                    return all(value(person, journey, name) == held for name, held in key.items())

                expected: Counter[tuple[str, str]] = Counter()
                for person in world:
                    for before, move in zip([None, *person.moves], person.moves, strict=False):
                        inside = question.low <= move.occurred_at < question.high
                        if inside and counts(person, person.journey(move.journey)):
                            expected[move.to_stage, "in"] += 1
                        if inside and before and counts(person, person.journey(before.journey)):
                            expected[before.to_stage, "out"] += 1
                            later = (
                                RUNGS[RUNGS.index(before.to_stage.replace("reactivated", "acquired")) + 1 :]
                                if before.to_stage != "churned"
                                else ()
                            )
                            strict = case.get("skips") == "strict"
                            expected[before.to_stage, "next"] += move.to_stage in (later[:1] if strict else later)
                    for name, at in (("opening", question.low), ("closing", question.high)):
                        move = standing(person, at)
                        following = person.moves[move.sequence] if move and move.sequence < len(person.moves) else None
                        assert following is None or following.occurred_at >= at
                        if move and counts(person, person.journey(move.journey)):
                            expected[move.to_stage, name] += 1
                for stage in group["stages"]:
                    name = stage["stage"]
                    for part in ("opening", "in", "out", "closing"):
                        assert stage[part] == expected[name, part], (case, name, part)
                    assert stage["opening"] + stage["in"] - stage["out"] == stage["closing"]
                    if stage["step"]:
                        assert (stage["step"]["numerator"], stage["step"]["denominator"]) == (
                            expected[name, "next"],
                            expected[name, "out"],
                        )
            await check_addresses(connection, answer)


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
        }
        assert (await asked(connection, group_by=["channel"]))["groups"] == []
        trend = await operations.trend(connection, TrendQuery(), now=NOW)
        assert trend["totals"]["buckets"] == []
        trend = await operations.trend(connection, TrendQuery(from_="2026-11-01", to="2026-11-04"), now=NOW)
        assert [bucket["counts"]["won"] for bucket in trend["totals"]["buckets"]] == [0, 0, 0]
