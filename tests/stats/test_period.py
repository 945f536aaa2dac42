"""What happened in an interval, against a plain recount of every move."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.lifecycle.ledger import Journey
from service.stats.asking import question_of
from service.stats.schemas.funnel import FunnelQuery
from tests.stats.recounting import NOW, RUNGS, asked, check_addresses, value


def standing(person: Any, at: datetime) -> Any:
    """Return the move that brought a person where it stood at an instant."""
    return next((move for move in reversed(person.moves) if move.occurred_at < at), None)


CASES: list[dict[str, Any]] = [
    {},
    {"from": "2025-01-01", "to": "2025-07-01"},
    {"from": "2025-03-30", "to": "2025-04-05", "tz": "Asia/Kathmandu", "group_by": ["channel"]},
    {"from": "2025-01-01T10:10:10Z", "group_by": ["channel"]},
    {"from": "2025-01-01", "unit": "lead", "skips": "strict"},
    {"from": "2025-01-01", "group_by": ["industry"]},
    {"from": "2025-01-01", "group_by": ["entry_stage"], "channel": ["web"]},
]


def onward(stage: str, *, strict: bool) -> tuple[str, ...]:
    if stage == "churned":
        return ()
    later = RUNGS[RUNGS.index("acquired" if stage == "reactivated" else stage) + 1 :]
    return later[:1] if strict else later


def recount_moves(world: Any, case: dict[str, Any], key: dict[str, Any]) -> Counter[tuple[str, str]]:
    question = question_of(FunnelQuery.model_validate(case), mode="period", now=NOW)

    def counts(person: Any, number: int) -> bool:
        journey: Journey = person.journey(number)
        if person.test or (case.get("unit") == "lead" and number > 1):
            return False
        if journey.channel not in case.get("channel", [journey.channel]):
            return False
        return all(value(person, journey, name) == held for name, held in key.items())

    figures: Counter[tuple[str, str]] = Counter()
    for person in world:
        for before, move in zip([None, *person.moves], person.moves, strict=False):
            inside = question.low <= move.occurred_at < question.high
            if inside and counts(person, move.journey):
                figures[move.to_stage, "in"] += 1
            if inside and before and counts(person, before.journey):
                figures[before.to_stage, "out"] += 1
                strict = case.get("skips") == "strict"
                figures[before.to_stage, "next"] += move.to_stage in onward(before.to_stage, strict=strict)
        for name, at in (("opening", question.low), ("closing", question.high)):
            move = standing(person, at)
            if move and counts(person, move.journey):
                figures[move.to_stage, name] += 1
    return figures


async def test_a_period_balances_and_is_the_recount(engine: AsyncEngine, world) -> None:
    async with transaction(engine) as connection:
        for case in CASES:
            answer = await asked(connection, mode="period", **case)
            for group in [*answer["groups"], answer["totals"]]:
                figures = recount_moves(world, case, group["key"])
                for stage in group["stages"]:
                    name, step = stage["stage"], stage["step"]
                    for part in ("opening", "in", "out", "closing"):
                        assert stage[part] == figures[name, part], (case, name, part)
                    assert stage["opening"] + stage["in"] - stage["out"] == stage["closing"]
                    assert (step is None) == (name in ("won", "churned"))
                    if step:
                        assert (step["numerator"], step["denominator"]) == (figures[name, "next"], figures[name, "out"])
            await check_addresses(connection, answer)


async def test_the_end_of_one_period_is_the_start_of_the_next(engine: AsyncEngine, world) -> None:
    async with transaction(engine) as connection:
        first = await asked(connection, mode="period", **{"from": "2024-01-01", "to": "2025-03-03"})
        second = await asked(connection, mode="period", **{"from": "2025-03-03"})
    closing = [stage["closing"] for stage in first["totals"]["stages"]]
    assert closing == [stage["opening"] for stage in second["totals"]["stages"]]
    assert [stage["opening"] for stage in first["totals"]["stages"]] == [0] * 7
    standing_now = Counter(person.moves[-1].to_stage for person in world if not person.test)
    assert {stage["stage"]: stage["closing"] for stage in second["totals"]["stages"]} == standing_now
