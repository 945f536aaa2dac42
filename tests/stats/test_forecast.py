"""What the open journeys may come to: learnt only from what was known, and held against what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.stats import forecasting
from service.stats.forecast import backtest, chance_table, expected, in_the_end, open_ones, usual_amounts
from service.stats.learning import AGES, OPEN_RUNGS, Lives, learn, places, standing
from service.stats.schemas.forecast import ForecastOut, ForecastQuery
from tests.stats.recounting import NOW, listed
from tests.stats.worlds import Person


def lives(seed: int, size: int, *, odds: float = 0.25, pace: float = 20.0) -> Lives:
    """Journeys that are acquired over two years, every other one qualified after a while, and then won (by the odds) or churned."""
    chance = np.random.default_rng(seed)
    start = chance.uniform(0, 730, size)
    qualified = np.where(chance.random(size) < 0.5, start + chance.exponential(pace, size), np.nan)
    end = np.where(np.isnan(qualified), start, qualified) + chance.exponential(pace, size)
    is_won = ~np.isnan(qualified) & (chance.random(size) < odds)
    entered = np.column_stack([start, np.full(size, np.nan), np.full(size, np.nan), qualified])
    return Lives(
        entered,
        np.where(is_won, end, np.nan),
        np.where(is_won, np.nan, end),
        np.where(np.isnan(qualified), np.nan, 100.0),
        np.where(np.isnan(qualified), "", "EUR"),
    )


def known_at(all_of_it: Lives, now: float) -> Lives:
    """What had happened by a time."""
    entered = np.where(all_of_it.entered <= now, all_of_it.entered, np.nan)
    won, churned = (np.where(column <= now, column, np.nan) for column in (all_of_it.won, all_of_it.churned))
    return Lives(entered, won, churned, all_of_it.amount, all_of_it.currency)


def test_the_interval_holds_what_happens() -> None:
    inside = 0
    for seed in range(20):
        world, now, horizon = lives(seed, 2000), 700.0, 30.0
        known = known_at(world, now)
        told = expected(learn(known, now, [horizon]), open_ones(known, now), horizon)
        begun = world.entered[:, 0] <= now
        came = int(((world.won > now) & (world.won <= now + horizon) & begun).sum())
        inside += told["wins"]["low"] <= came <= told["wins"]["high"]
        # Only those that are told of have an amount: leads that are qualified later bring more.
        assert told["revenue"]["EUR"]["expected"] <= 100 * told["wins"]["expected"]
        assert told["wins_without_amount"] + told["revenue"]["EUR"]["expected"] / 100 == pytest.approx(
            told["wins"]["expected"]
        )
    assert inside >= 17


def test_wins_whose_amount_nobody_told_bring_what_wins_usually_bring() -> None:
    # Three of four were won after five days, for 100 and 300 EUR and 50 USD; eight stand there now.
    entered = np.full((12, 4), np.nan)
    entered[:, 0] = np.where(np.arange(12) < 4, 0.0, 200.0)
    won = np.where(np.arange(12) < 3, 5.0, np.nan)
    churned = np.where(np.arange(12) == 3, 9.0, np.nan)
    amount = np.array([100.0, 300.0, 50.0] + [np.nan] * 9)
    known = Lives(entered, won, churned, amount, np.array(["EUR", "EUR", "USD"] + [""] * 9))
    model, opened = learn(known, 200.0, [30.0]), open_ones(known, 200.0)
    told = expected(model, opened, 30.0, usual_amounts(known))
    assert told["wins"]["expected"] == told["wins_without_amount"] == pytest.approx(6.0)
    assert told["their_usual_revenue"] == pytest.approx({"EUR": 6 * 400 / 3, "USD": 6 * 50 / 3})
    (place,) = chance_table(model, opened, [30.0])
    assert (place["days_to_win"], place["insufficient_data"], place["chances"][0]["followed"]) == (5.0, True, 4)


def test_a_backtest_knows_nothing_of_what_came_after() -> None:
    world, now, horizon = lives(5, 20_000, odds=0.9), 700.0, 60.0
    found = backtest(known_at(world, now), now, horizon)
    # Whatever happens after the day the test is made of cannot change what was foreseen.
    changed = Lives(
        np.where(world.entered > now - horizon, np.nan, world.entered),
        np.where(world.won > now - horizon, np.nan, world.won),
        np.where(world.churned > now - horizon, np.nan, world.churned),
        world.amount,
        world.currency,
    )
    blind = backtest(changed, now, horizon)
    assert (blind["journeys"], blind["expected_wins"]) == (found["journeys"], found["expected_wins"])
    assert found["skill"] > 0.2
    assert abs(found["expected_wins"] - found["wins"]) < 4 * found["wins"] ** 0.5
    assert sum(one["journeys"] for one in found["calibration"]) == found["journeys"]
    assert blind["wins"] == 0


def test_a_forecast_promises_no_more_than_comes() -> None:
    # Most wins come early, so that the chance falls with age: at the youngest of its class it would promise a fourth more.
    promised = came = 0.0
    for seed in range(12):
        chance = np.random.default_rng(seed)
        start = chance.uniform(0, 730, 3_000)
        win, loss = start + chance.weibull(0.6, 3_000) * 24, start + chance.exponential(60, 3_000)
        is_won = (win < loss) & (chance.random(3_000) < 0.5)
        entered = np.full((3_000, 4), np.nan)
        entered[:, 0] = start
        lost = np.where(is_won, np.nan, loss)
        world = Lives(entered, np.where(is_won, win, np.nan), lost, np.full(3_000, np.nan), np.full(3_000, ""))
        found = backtest(known_at(world, 700.0), 700.0, 30.0)
        promised, came = promised + found["expected_wins"], came + found["wins"]
    assert came > 100
    assert 0.88 < promised / came < 1.12


def test_where_a_journey_stands() -> None:
    world = Lives(
        np.array(
            [
                [0.0, np.nan, 5.0, np.nan],
                [1.0, 2.0, np.nan, np.nan],
                [1.0, 2.0, 3.0, 4.0],
                [50.0, np.nan, np.nan, np.nan],
            ]
        ),
        np.array([np.nan, np.nan, 9.0, np.nan]),
        np.array([np.nan, 8.0, np.nan, np.nan]),
        np.full(4, np.nan),
        np.array([""] * 4),
    )
    for at, expected_stage in (
        (4.0, [0, 1, 3, -1]),
        (7.0, [2, 1, 3, -1]),
        (10.0, [2, -1, -1, -1]),
        (60.0, [2, -1, -1, 0]),
    ):
        stage, age = standing(world, at)
        assert stage.tolist() == expected_stage
        assert [klass >= 0 for klass in places(stage, age)] == [one >= 0 for one in expected_stage]
    assert standing(world, 60.0)[1].tolist()[0] == 55.0


def test_the_end_is_that_of_the_chain() -> None:
    moves = {("acquired", "cleaned"): 60, ("acquired", "churned"): 40, ("cleaned", "opportunity"): 30, ("cleaned", "churned"): 30,
             ("opportunity", "won"): 10, ("opportunity", "churned"): 15, ("opportunity", "nurtured"): 5, ("nurtured", "opportunity"): 5,
             ("won", "churned"): 3, ("churned", "reactivated"): 2, ("reactivated", "cleaned"): 2}  # fmt: skip
    found = {end["stage"]: end for end in in_the_end(moves)}
    # An opportunity is won at 1/3, comes back by nurtured at 1/6, and so in the end at (1/3) / (1 - 1/6).
    assert found["opportunity"]["won"] == pytest.approx(0.4)
    assert found["cleaned"]["won"] == pytest.approx(0.2)
    assert found["acquired"]["won"] == pytest.approx(0.2 * 62 / 102)
    assert found["nurtured"]["moves"] == pytest.approx(1 + found["opportunity"]["moves"])
    assert [end["won"] for end in in_the_end({})] == [None] * 4
    assert in_the_end({("acquired", "cleaned"): 3})[0]["won"] == 0.0


def test_what_nobody_has_lived_to_see_is_not_foreseen() -> None:
    # Fifty stand open for thirty days and one was won after 35: of sixty days nothing is known but by that one.
    still = np.full((51, 4), np.nan)
    still[:, 0] = 100.0
    still[50, 0] = 0.0
    won = np.where(np.arange(51) == 50, 35.0, np.nan)
    young = Lives(still, won, np.full(51, np.nan), np.full(51, np.nan), np.full(51, "EUR"))
    model, opened = learn(young, 130.0, [30.0, 60.0]), open_ones(young, 130.0)
    soon, later = (expected(model, opened, horizon) for horizon in (30.0, 60.0))
    # Of those that stood there from the beginning, all were followed for thirty days, and none was won.
    assert (soon["wins"]["expected"], soon["insufficient_data"], soon["open_without_chance"]) == (0.0, False, 0)
    assert 2 < soon["wins"]["high"] < 10
    assert later["insufficient_data"]
    assert later["wins"]["expected"] == 50.0
    assert later["wins"]["low"] < 30.0
    # Without that one, nothing at all.
    nobody = young.chosen(np.arange(50))
    nothing = expected(learn(nobody, 130.0, [60.0]), open_ones(nobody, 130.0), 60.0)
    assert (nothing["wins"], nothing["open_without_chance"], nothing["insufficient_data"]) == (None, 50, True)
    assert backtest(nobody, 130.0, 60.0)["journeys"] == 0


async def test_a_share_of_everything_is_foreseen_too(client: AsyncClient) -> None:
    now = datetime.now(UTC)
    for number, hours in enumerate((1, 2, 3, 5)):
        at = now - timedelta(days=3)
        lead = {"email": f"a{number}@example.com", "channel": "mini", "occurred_at": at.isoformat()}
        made = (await client.post("/v1/leads", json=lead)).json()
        move = {"event": "win", "allow_skip": True, "occurred_at": (at + timedelta(hours=hours)).isoformat()}
        assert (await client.post(f"/v1/leads/{made['id']}/transitions", json=move)).is_success
    at = now - timedelta(hours=3, minutes=40)
    lead = {"email": "open@example.com", "channel": "mini", "occurred_at": at.isoformat()}
    assert (await client.post("/v1/leads", json=lead)).is_success
    answer = await client.get("/v1/stats/forecast?channel=mini")
    assert answer.status_code == 200
    assert ForecastOut.model_validate_json(answer.content).expected[0].insufficient_data
    stage = (await client.get("/v1/stats/funnel?channel=mini&horizon=P30D")).json()["totals"]["stages"][-1]
    assert stage["maturity"]["adjusted"]["rate"] == 1.0


async def test_the_answer_adds_up(engine: AsyncEngine, world: list[Person]) -> None:
    async with transaction(engine) as connection:
        answer = await forecasting.forecast(connection, ForecastQuery(channel=["web"]), now=NOW)
        ForecastOut.model_validate(answer, strict=True)
        assert answer["open"] == sum(place["open"] for place in answer["by_stage_and_age"])
        for stage, address in answer["leads"].items():
            here = sum(place["open"] for place in answer["by_stage_and_age"] if place["stage"] == stage)
            assert await listed(connection, address) == here
        for expectation in answer["expected"]:
            shares = [
                (place["open"], next(c["share"] for c in place["chances"] if c["days"] == expectation["days"]))
                for place in answer["by_stage_and_age"]
            ]
            assert expectation["wins"]["expected"] == pytest.approx(sum(n * (share or 0) for n, share in shares))
            assert expectation["open_without_chance"] == sum(n for n, share in shares if share is None)
        assert {place["from_days"] for place in answer["by_stage_and_age"]} <= set(AGES)


@pytest.mark.parametrize("by", ["channel", "country", "tag", "channel,entry_stage"])
async def test_each_group_learns_by_itself(engine: AsyncEngine, world: list[Person], by: str) -> None:
    async with transaction(engine) as connection:

        async def foreseen(**asked: list[str]) -> dict[str, Any]:
            answer = await forecasting.forecast(connection, ForecastQuery.model_validate(asked), now=NOW)
            ForecastOut.model_validate(answer, strict=True)
            return answer

        answer, alone = await foreseen(group_by=[by]), await foreseen()
        figures = set(alone) - {"definition", "groups", "leads"}
        assert len(answer["groups"]) > 2
        assert _rounded(answer, figures) == _rounded(alone, figures)
        assert _rounded(alone["groups"][0], figures) == _rounded(alone, figures)
        for group in answer["groups"]:
            filters: dict[str, list[str]] = {}
            for name, value in group["key"].items():
                filters |= {"missing": [*filters.get("missing", []), name]} if value is None else {name: [value]}
            assert _rounded(group, figures) == _rounded(await foreseen(**filters), figures)
            assert await listed(connection, group["leads"]["acquired"]) == sum(
                place["open"] for place in group["by_stage_and_age"] if place["stage"] == "acquired"
            )


def _rounded(answer: dict[str, Any], names: set[str]) -> Any:
    """What floats come to may depend on the order that they are added in."""
    return _told({name: answer[name] for name in names})


def _told(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _told(inner) for name, inner in part.items()}
    if isinstance(part, list):
        return [_told(inner) for inner in part]
    return round(part, 6) if isinstance(part, float) else part


async def test_of_a_group_may_only_those_move_who_started_before(client: AsyncClient) -> None:
    for channel, month in (("web", 1), ("fair", 3)):
        lead = {"email": f"{channel}@firma.de", "channel": channel, "occurred_at": f"2026-{month:02}-05T00:00:00Z"}
        made = (await client.post("/v1/leads", json=lead)).json()
        won = {"event": "win", "allow_skip": True, "occurred_at": "2026-03-09T00:00:00Z"}
        assert (await client.post(f"/v1/leads/{made['id']}/transitions", json=won)).is_success
    answer = (await client.get("/v1/stats/forecast?from=2026-03-01&group_by=channel")).json()
    observed = {group["key"]["channel"]: group["in_the_end"][0]["observed"] for group in answer["groups"]}
    assert observed["web"] == 1
    assert answer["in_the_end"][0]["observed"] == sum(observed.values()) > 1
    for channel, moves in observed.items():
        alone = (await client.get(f"/v1/stats/forecast?from=2026-03-01&channel={channel}")).json()
        assert alone["in_the_end"][0]["observed"] == moves


async def test_too_many_groups_are_refused(client: AsyncClient) -> None:
    leads = [{"email": f"a{number}@firma.de", "campaign": f"c{number}"} for number in range(201)]
    assert (await client.post("/v1/leads/batch", json=leads)).is_success
    answer = await client.get("/v1/stats/forecast?group_by=campaign")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?group_by")


async def test_without_journeys_nothing_is_foreseen(client: AsyncClient) -> None:
    answer = (await client.get("/v1/stats/forecast")).json()
    assert answer["open"] == 0
    assert answer["expected"][0]["wins"] == {"expected": 0.0, "low": 0.0, "high": 0.0}
    assert answer["backtest"][0]["brier"] is None
    assert [end["stage"] for end in answer["in_the_end"]] == list(OPEN_RUNGS)
    assert (await client.get("/v1/stats/forecast?known_at=2026-01-01")).status_code == 422
