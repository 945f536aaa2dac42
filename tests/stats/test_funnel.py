"""The funnel of cohorts over a world of random lives: every figure against a plain recount, every address against its figure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.leads.counting import journey_cell
from service.lifecycle.ledger import Journey
from service.stats.asking import question_of
from service.stats.funnel import CellCount, cohort_groups
from service.stats.schemas.funnel import FunnelQuery
from tests.stats.recounting import NOW, asked, assert_same, check_addresses, recount, value
from tests.stats.worlds import people

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


def matches(person: Any, journey: Journey, case: dict[str, Any]) -> bool:
    from service.stats.asking import DIMENSIONS

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


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from(["credit", "strict"]))
def test_sums_over_cells_are_the_recount(seed: int, skips: Any) -> None:
    journeys = [journey for person in people(seed, 12) for journey in person.journeys]
    asked_for = question_of(FunnelQuery(skips=skips), mode="cohort", now=NOW)
    counts = [CellCount(1, (), journey_cell(journey), 1) for journey in journeys]
    (group,) = cohort_groups(asked_for, counts)
    assert_same(group, recount(journeys, skips=skips), skips=skips)
