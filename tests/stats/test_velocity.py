"""How long things take, held against spans counted in plain Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from httpx import AsyncClient
from sksurv.nonparametric import kaplan_meier_estimator
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.lifecycle.ledger import Journey
from service.stats import operations
from service.stats.schemas.velocity import VelocityOut, VelocityQuery
from tests.stats.recounting import NOW, RUNGS, STAGES, asked, listed
from tests.stats.worlds import Person

CASES: list[dict[str, Any]] = [
    {},
    {"from": "2025-01-01", "to": "2025-07-01", "group_by": ["channel"]},
    {"skips": "strict", "unit": "lead", "group_by": ["country", "entry_stage"]},
    {"known_at": "2025-09-01"},
]


def counted(people: list[Person], case: dict[str, Any]) -> list[tuple[Person, Journey]]:
    low = datetime.fromisoformat(case.get("from", "0001-01-01") + "T00:00:00Z")
    high = datetime.fromisoformat(case.get("to", "9000-01-01") + "T00:00:00Z")
    return [
        (person, journey)
        for person in people
        if not person.test
        for journey in person.journeys
        if low <= journey.started_at < high and (case.get("unit") != "lead" or journey.number == 1)
    ]


def days(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 86_400


def spans_to(journey: Journey, stage: str, *, strict: bool) -> tuple[float, str]:
    later = [stage] if strict else RUNGS[RUNGS.index(stage) :]
    times = [at for name in later if (at := getattr(journey, f"{name}_at")) is not None]
    if times:
        return days(journey.started_at, min(times)), "reached"
    if journey.churned_at:
        return days(journey.started_at, journey.churned_at), "churned"
    return days(journey.started_at, NOW), "open"


def stays_of(person: Person, journey: Journey) -> list[tuple[str, float, bool]]:
    found = []
    for move, following in zip(person.moves, [*person.moves[1:], None], strict=True):
        if move.journey == journey.number:
            end = following.occurred_at if following else NOW
            found.append((move.to_stage, days(move.occurred_at, end), following is not None))
    return found


def value(person: Person, journey: Journey, name: str) -> Any:
    return getattr(journey if name in ("channel", "entry_stage") else person, name)


@pytest.mark.parametrize("case", CASES[:3])
async def test_everybody_is_waited_for(engine: AsyncEngine, world: list[Person], case: dict[str, Any]) -> None:
    async with transaction(engine) as connection:
        answer = await operations.velocity(connection, VelocityQuery.model_validate({**case, "curve": True}), now=NOW)
        VelocityOut.model_validate(answer, strict=True)
        everybody = counted(world, case)
        assert answer["totals"]["journeys"] == len(everybody) == sum(g["journeys"] for g in answer["groups"])
        assert [await listed(connection, group["leads"]) for group in answer["groups"]] == [
            group["journeys"] for group in answer["groups"]
        ]
        for group in answer["groups"]:
            mine = [
                (person, journey)
                for person, journey in everybody
                if all(value(person, journey, name) == held for name, held in group["key"].items())
            ]
            for stage in RUNGS[1:]:
                spans = [spans_to(journey, stage, strict=case.get("skips") == "strict") for _, journey in mine]
                found = group["time_to"][stage]
                ends = [end for _, end in spans]
                assert {name: found[name] for name in ("reached", "churned", "open")} == {
                    name: ends.count(name) for name in ("reached", "churned", "open")
                }
                share = ends.count("reached") / len(ends)
                assert (found["days"]["p25"] is None) <= (share < 0.9)
            staying = defaultdict(list)
            for person, journey in mine:
                for stage, spent, left in stays_of(person, journey):
                    staying[stage].append((spent, left))
            for stage in STAGES:
                found = group["time_in"][stage]
                assert found["stays"] == len(staying[stage]), stage
                assert found["left"] == sum(left for _, left in staying[stage])


async def test_the_median_stay_is_that_of_another_library(engine: AsyncEngine, world: list[Person]) -> None:
    async with transaction(engine) as connection:
        answer = await operations.velocity(connection, VelocityQuery(curve=True), now=NOW)
    for stage in ("acquired", "opportunity", "won", "churned"):
        stays = [
            (spent, left)
            for person, journey in counted(world, {})
            for name, spent, left in stays_of(person, journey)
            if name == stage
        ]
        spent, left = np.array([max(one, 1e-9) for one, _ in stays]), np.array([one for _, one in stays])
        times, staying = kaplan_meier_estimator(left, spent)
        under = times[staying <= 0.5]
        found = answer["totals"]["time_in"][stage]["days"]["p50"]
        assert found == (pytest.approx(under[0], abs=1e-6) if under.size else None), stage


async def test_every_count_is_a_list(engine: AsyncEngine, world: list[Person]) -> None:
    names = {"there": "reached", "other": "churned", "open": "open", "left": "left"}
    async with transaction(engine) as connection:
        for case in (CASES[1], CASES[3]):
            answer = await operations.velocity(connection, VelocityQuery.model_validate(case), now=NOW)
            group = answer["groups"][0]
            for figures in [*group["time_to"].values(), *group["time_in"].values()]:
                for part, address in figures["links"].items():
                    assert await listed(connection, address) == figures[names[part]], address


async def test_what_was_known_then_is_what_the_funnel_knew(engine: AsyncEngine, world: list[Person]) -> None:
    async with transaction(engine) as connection:
        answer = await operations.velocity(connection, VelocityQuery(known_at="2025-09-01"), now=NOW)
        funnel = await asked(connection, known_at="2025-09-01")
        reached = {stage["stage"]: stage["reached"] for stage in funnel["totals"]["stages"]}
        assert {stage: one["reached"] for stage, one in answer["totals"]["time_to"].items()} == {
            stage: reached[stage] for stage in RUNGS[1:]
        }
        occupied = sum(one["open"] for one in answer["totals"]["time_in"].values())
        assert occupied == sum(
            1 for p in world if not p.test and p.moves[0].occurred_at <= datetime.fromisoformat("2025-09-01T00:00:00Z")
        )


async def test_the_pipeline_is_worked_out_by_currency(client: AsyncClient) -> None:
    async def live(email: str, *steps: dict[str, Any]) -> None:
        lead = (await client.post("/v1/leads", json={"email": email, "occurred_at": "2026-01-01T00:00:00Z"})).json()
        for step in steps:
            answer = await client.post(f"/v1/leads/{lead['id']}/transitions", json={"allow_skip": True, **step})
            assert answer.status_code == 201, answer.text

    euros, dollars = {"amount": "1000", "currency": "EUR"}, {"amount": "500", "currency": "USD"}
    await live("a@firma.de", {"event": "win", "occurred_at": "2026-01-11T00:00:00Z", **euros})
    await live(
        "b@firma.de", {"event": "win", "occurred_at": "2026-01-31T00:00:00Z", "amount": "3000", "currency": "EUR"}
    )
    await live("c@firma.de", {"event": "qualify", **euros})
    await live("d@firma.de", {"event": "qualify", **euros}, {"event": "churn", "reason": "price"})
    await live("e@firma.de", {"event": "qualify", **dollars})
    await live("f@firma.de", {"event": "qualify"})
    answer = (await client.get("/v1/stats/velocity")).json()
    lines = {line["currency"]: line for line in answer["totals"]["pipeline"]}
    assert list(lines) == ["EUR", "USD", None]
    euro = lines["EUR"]
    assert (euro["open_opportunities"], euro["mean_amount"], euro["mean_days_to_win"]) == (1, "2000.00", 20.0)
    assert (euro["win_rate"]["numerator"], euro["win_rate"]["denominator"]) == (2, 3)
    assert euro["per_day"] == "66.67"
    assert lines["USD"]["per_day"] is None
    assert lines[None]["open_opportunities"] == 1
    # Lost without an amount is lost as well.
    await live("g@firma.de", {"event": "churn", "reason": "price"})
    lines = {line["currency"]: line for line in (await client.get("/v1/stats/velocity")).json()["totals"]["pipeline"]}
    assert all((line["win_rate"]["numerator"], line["win_rate"]["denominator"]) == (2, 4) for line in lines.values())
    assert lines["EUR"]["per_day"] == "50.00"
    assert answer["totals"]["time_to"]["won"]["days"]["p25"] == 30.0


async def test_the_only_currency_has_what_has_no_amount_yet(client: AsyncClient) -> None:
    async def live(email: str, *steps: dict[str, Any]) -> None:
        body = {"email": email, "channel": "pipe", "occurred_at": "2026-01-01T00:00:00Z"}
        lead = (await client.post("/v1/leads", json=body)).json()
        for step in steps:
            answer = await client.post(f"/v1/leads/{lead['id']}/transitions", json={"allow_skip": True, **step})
            assert answer.status_code == 201, answer.text

    won = {"event": "win", "occurred_at": "2026-01-31T00:00:00Z", "amount": "1000", "currency": "EUR"}
    await live("a@firma.de", {"event": "qualify", "occurred_at": "2026-01-02T00:00:00Z"}, won)
    for number in range(3):
        await live(f"lost{number}@firma.de", {"event": "qualify"}, {"event": "churn", "reason": "price"})
        await live(f"open{number}@firma.de", {"event": "qualify"})
    (line,) = (await client.get("/v1/stats/velocity?channel=pipe")).json()["totals"]["pipeline"]
    # Three that are open, one in four won, 1000 each, in 30 days.
    assert (line["currency"], line["open_opportunities"], line["per_day"]) == ("EUR", 3, "25.00")


async def test_without_journeys_there_is_nothing_to_time(client: AsyncClient) -> None:
    answer = (await client.get("/v1/stats/velocity?curve=true")).json()
    assert answer["totals"]["time_to"]["won"] == {
        "journeys": 0, "reached": 0, "churned": 0, "open": 0, "open_share": None, "insufficient_data": True,
        "days": {"p25": None, "p50": None, "p75": None, "p90": None}, "curve": [], "links": {},
    }  # fmt: skip
    assert (await client.get("/v1/stats/velocity?window=P3D")).status_code == 422
    assert (await client.get("/v1/leads?behind=velocity&stage=won&part=to.nowhere")).status_code == 422
