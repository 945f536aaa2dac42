"""The views for dashboards, held against what the API answers."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats import operations, returning
from service.stats.schemas.cohorts import CohortsQuery
from service.stats.schemas.flow import FlowQuery, OccupancyQuery
from service.stats.schemas.returns import ChannelsQuery
from service.stats.schemas.trend import TrendQuery
from service.stats.schemas.velocity import VelocityQuery
from tests.stats.reading import rows, summed, zones
from tests.stats.recounting import CATEGORIES, NOW, RUNGS, STAGES, asked

INTERVALS = (("2025-01-01", "2025-04-01"), ("2025-03-25", "2026-03-29"))


def inside(low: str, high: str) -> str:
    return f"day >= '{low}' AND day < '{high}'"


@pytest.mark.parametrize(("low", "high"), INTERVALS)
async def test_funnels_are_those_of_the_api(reporting: AsyncConnection, low: str, high: str) -> None:
    async for zone in zones(reporting):
        groups = ("channel", "campaign", "entry_stage")
        answer = await asked(reporting, from_=low, to=high, tz=zone, group_by=list(groups))
        churned = [f"churned_{category}" for category in CATEGORIES]
        by_stage = await rows(reporting, f"SELECT * FROM reporting.funnel_stages_daily WHERE {inside(low, high)}")
        assert len(by_stage) > 100
        assert summed(by_stage, (*groups, "stage"), "reached", "entered", "open", *churned) == {
            (*group["key"].values(), stage["stage"]): (
                *(stage[part] for part in ("reached", "entered", "open")),
                *(stage["churned"][category] for category in CATEGORIES),
            )
            for group in answer["groups"]
            for stage in group["stages"]
        }
        assert all(RUNGS[row["stage_number"]] == row["stage"] for row in by_stage)
        wide = await rows(reporting, f"SELECT * FROM reporting.funnel_daily WHERE {inside(low, high)}")
        reached = [f"reached_{stage}" for stage in RUNGS[1:]]
        assert summed(wide, groups, "entered", *reached, "open", *churned, "decided") == {
            tuple(group["key"].values()): (
                *(stage["reached"] for stage in group["stages"]),
                sum(stage["open"] for stage in group["stages"]),
                *(sum(stage["churned"][category] for stage in group["stages"]) for category in CATEGORIES),
                group["decided"]["denominator"],
            )
            for group in answer["groups"]
        }


async def test_journeys_have_the_leads_dimensions(reporting: AsyncConnection) -> None:
    async for zone in zones(reporting):
        groups = ("country", "industry", "score_band")
        answer = await asked(
            reporting, from_="2025-01-01", to="2026-01-01", tz=zone, group_by=list(groups), skips="strict"
        )
        found = await rows(
            reporting,
            "SELECT *, 1 AS n FROM reporting.journeys WHERE started_at >= '2025-01-01' AND started_at < '2026-01-01'",
        )
        for row in found:
            row |= {f"{stage}_n": row[f"{stage}_at"] is not None for stage in RUNGS[1:]}
            row["open_n"] = row["is_open"]
        assert summed(found, groups, "n", *(f"{stage}_n" for stage in RUNGS[1:]), "open_n") == {
            tuple(group["key"].values()): (
                *(stage["entered"] for stage in group["stages"]),
                sum(stage["open"] for stage in group["stages"]),
            )
            for group in answer["groups"]
        }
        credited = (await asked(reporting, from_="2025-01-01", to="2026-01-01", tz=zone))["totals"]
        for number, stage in enumerate(credited["stages"]):
            assert sum(row["furthest_number"] >= number for row in found) == stage["reached"]
            assert sum(row["furthest_stage"] == stage["stage"] and row["is_open"] for row in found) == stage["open"]
            for category, count in stage["churned"].items():
                assert sum(row["furthest_number"] == number and row["outcome"] == category for row in found) == count


async def test_spans_are_those_of_the_velocity(reporting: AsyncConnection) -> None:
    answer = await operations.velocity(reporting, VelocityQuery(skips="strict", group_by=["channel"]), now=NOW)
    journeys = await rows(reporting, "SELECT * FROM reporting.journeys")
    stays = await rows(
        reporting,
        """SELECT t.from_stage, t.days_in_stage_left, j.channel FROM reporting.transitions t JOIN reporting.journeys j
        ON j.lead_id = t.lead_id AND j.journey = t.journey - (t.event IN ('reactivate', 'repurchase'))::int
        WHERE t.from_stage IS NOT NULL""",
    )
    for group in answer["groups"]:
        mine = [row for row in journeys if row["channel"] == group["key"]["channel"]]
        assert len(mine) == group["journeys"]
        for stage in RUNGS[1:]:
            assert sum(row[f"days_to_{stage}"] is not None for row in mine) == group["time_to"][stage]["reached"]
        for stage in STAGES:
            left = [row for row in stays if row["channel"] == group["key"]["channel"] and row["from_stage"] == stage]
            assert len(left) == group["time_in"][stage]["left"], stage
            assert all(row["days_in_stage_left"] >= 0 for row in left)


async def test_flows_and_trends_are_those_of_the_api(reporting: AsyncConnection) -> None:
    async for zone in zones(reporting):
        scope = {"from_": "2025-03-25", "to": "2025-04-05", "tz": zone, "interval": "day", "group_by": ["channel"]}
        answer = await operations.flow(reporting, FlowQuery(**scope), now=NOW)
        expected: Counter[Any] = Counter()
        for group in answer["groups"]:
            for number, bucket in enumerate(group["buckets"]):
                for link in bucket["links"]:
                    day = date(2025, 3, 25) + timedelta(days=number)
                    expected[day, group["key"]["channel"], link["source"], link["target"]] += link["moves"]
        low, high = scope["from_"], scope["to"]
        found = await rows(reporting, f"SELECT * FROM reporting.flow_daily WHERE {inside(low, high)}")
        by = ("day", "channel", "from_stage", "to_stage")
        assert {key: moves for key, (moves,) in summed(found, by, "moves").items() if moves} == dict(expected)
        ledger = await rows(
            reporting,
            f"SELECT * FROM (SELECT *, occurred_at::date AS day, 1 AS n FROM reporting.transitions) AS t WHERE {inside(low, high)}",
        )
        assert {key: moves for key, (moves,) in summed(ledger, by, "n").items()} == dict(expected)
        trend = await operations.trend(reporting, TrendQuery(**scope, mode="period"), now=NOW)
        entered = summed(found, ("channel", "to_stage"), "moves")
        for group in trend["groups"]:
            for stage in STAGES:
                told = sum(bucket["counts"][stage] for bucket in group["buckets"])
                assert told == entered.get((group["key"]["channel"], stage), (0,))[0]


async def test_exits_are_those_of_the_period_funnel(reporting: AsyncConnection) -> None:
    async for zone in zones(reporting):
        low, high = INTERVALS[1]
        answer = await asked(reporting, from_=low, to=high, tz=zone, group_by=["channel", "campaign"], mode="period")
        found = await rows(reporting, f"SELECT * FROM reporting.flow_daily WHERE {inside(low, high)}")
        exits = summed(found, ("channel", "campaign", "from_stage"), "exits")
        for group in answer["groups"]:
            for stage in group["stages"]:
                assert stage["out"] == exits.get((*group["key"].values(), stage["stage"]), (0,))[0]


async def test_occupancy_is_that_of_the_api(reporting: AsyncConnection) -> None:
    async for zone in zones(reporting):
        groups = ("channel", "campaign")
        answer = await operations.occupancy(reporting, OccupancyQuery(group_by=list(groups)), now=NOW)
        found = summed(await rows(reporting, "SELECT * FROM reporting.occupancy"), (*groups, "stage"), "leads")
        assert {key: count for key, (count,) in found.items()} == standing(answer, 0)
        scope = {"from_": "2025-03-25", "to": "2025-04-05", "tz": zone, "interval": "day"}
        answer = await operations.occupancy(reporting, OccupancyQuery(**scope, group_by=list(groups)), now=NOW)
        for number in range(len(answer["totals"]["points"])):
            ended = (date(2025, 3, 25) + timedelta(days=number - 1)).isoformat()
            found = summed(
                await rows(reporting, f"SELECT * FROM reporting.occupancy_daily WHERE day = '{ended}'"),
                (*groups, "stage"),
                "leads",
            )
            assert {key: count for key, (count,) in found.items()} == standing(answer, number), ended
        last = "SELECT * FROM reporting.occupancy_daily WHERE day = (SELECT max(day) FROM reporting.occupancy_daily)"
        assert summed(await rows(reporting, last), (*groups, "stage"), "leads") == summed(
            await rows(reporting, "SELECT * FROM reporting.occupancy"), (*groups, "stage"), "leads"
        )


def standing(answer: dict[str, Any], number: int) -> dict[Any, int]:
    return {
        (*group["key"].values(), stage): count
        for group in answer["groups"]
        for stage, count in group["points"][number]["stages"].items()
        if count
    }


def money_of(answer: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    """Return the lines of an answer as the views have them: a row for each currency, or one without."""
    lines = {}
    for group in answer["groups"]:
        counts = {name: group[name] for name in ("leads", "opportunities", "wins", "customers", "wins_without_amount")}
        counts |= {"mean_days_to_win": group["mean_days_to_win"], "conversion": (group["conversion"] or {}).get("rate")}
        for line in group["money"] or [{"currency": None}]:
            lines[*group["key"].values(), line["currency"]] = counts | line
    return lines


def assert_lines(found: list[dict[str, Any]], answer: dict[str, Any], by: tuple[str, ...]) -> None:
    expected = money_of(answer)
    assert {tuple(row[name] for name in (*by, "currency")) for row in found} == set(expected)
    for row in found:
        for name, told in expected[tuple(row[name] for name in (*by, "currency"))].items():
            if isinstance(told, str) and name != "currency":
                assert f"{row[name]:.2f}" == f"{Decimal(told):.2f}", (row, name)
            else:
                assert row[name] == (pytest.approx(told) if isinstance(told, float) else told), (row, name)


@pytest.mark.parametrize(("view", "by"), [("channels", ("channel",)), ("campaigns", ("channel", "campaign"))])
async def test_channels_are_those_of_the_api(reporting: AsyncConnection, view: str, by: tuple[str, ...]) -> None:
    async for zone in zones(reporting):
        tomorrow = (
            await reporting.execute(text("SELECT (greatest(current_date, '2026-11-22') + 1)::text"))
        ).scalar_one()
        query = ChannelsQuery(group_by=list(by), to=tomorrow, tz=zone)
        answer = await returning.channels(reporting, query, now=NOW)
        assert_lines(await rows(reporting, f"SELECT * FROM reporting.{view}"), answer, by)


@pytest.mark.parametrize("month", ["2024-05", "2025-03"])
async def test_a_month_of_a_channel_is_that_of_the_api(reporting: AsyncConnection, month: str) -> None:
    async for zone in zones(reporting):
        low = date.fromisoformat(f"{month}-01")
        query = ChannelsQuery(from_=str(low), to=str((low + timedelta(days=31)).replace(day=1)), tz=zone)
        answer = await returning.channels(reporting, query, now=NOW)
        found = await rows(reporting, f"SELECT * FROM reporting.channel_months WHERE month = '{low}'")
        assert len(found) > 3
        assert_lines(found, answer, ("channel",))


@pytest.mark.parametrize(("view", "mode"), [("wins_daily", "period"), ("cohort_wins_daily", "cohort")])
async def test_wins_are_those_of_the_api(reporting: AsyncConnection, view: str, mode: Any) -> None:
    async for zone in zones(reporting):
        low, high = INTERVALS[1]
        by = ("channel", "campaign", "entry_stage")
        query = ChannelsQuery(from_=low, to=high, tz=zone, mode=mode, group_by=list(by))
        answer = await returning.channels(reporting, query, now=NOW)
        found = await rows(reporting, f"SELECT * FROM reporting.{view} WHERE {inside(low, high)}")
        sums = summed(found, by, "wins", "customers", "days_to_win")
        amounts = summed([row for row in found if row["currency"]], (*by, "currency"), "amount")
        untold = summed([row for row in found if row["currency"] is None], by, "wins")
        assert sum(wins for wins, _, _ in sums.values()) > 20
        for group in answer["groups"]:
            key = tuple(group["key"].values())
            wins, customers, days = sums.get(key, (0, 0, 0))
            assert (wins, customers) == (group["wins"], group["customers"])
            assert untold.get(key, (0,))[0] == group["wins_without_amount"]
            assert group["mean_days_to_win"] == (pytest.approx(days / wins) if wins else None)
            for line in group["money"]:
                assert amounts.pop((*key, line["currency"])) == (Decimal(line["revenue"]),)
        assert not amounts


async def test_spending_is_spread_over_its_days(reporting: AsyncConnection) -> None:
    async for zone in zones(reporting):
        low, high = "2025-02-01", "2025-03-11"
        answer = await returning.channels(reporting, ChannelsQuery(from_=low, to=high, tz=zone), now=NOW)
        found = await rows(reporting, f"SELECT * FROM reporting.spend_daily WHERE {inside(low, high)}")
        expected = {
            (group["key"]["channel"], line["currency"]): (Decimal(line["spend"]), Decimal(line["budget"]))
            for group in answer["groups"]
            for line in group["money"]
            if line["spend"] is not None
        }
        sums = summed(found, ("channel", "currency"), "spend", "budget")
        assert {key: tuple(round(Decimal(one), 2) for one in of) for key, of in sums.items()} == expected
        assert len(expected) == 2


@pytest.mark.parametrize("milestone", ["cleaned", "nurtured", "opportunity", "won", "churned"])
async def test_cohorts_are_those_of_the_api(reporting: AsyncConnection, milestone: Any) -> None:
    async for zone in zones(reporting):
        now = (await reporting.execute(text("SELECT now()"))).scalar_one()
        query = CohortsQuery(
            from_="2024-02-01", to="2027-01-01", tz=zone, milestone=milestone, group_by=["channel"], interval="month"
        )
        answer = await operations.cohorts(reporting, query, now=now)
        expected = {}
        for group in answer["groups"]:
            for number, cohort in enumerate(group["cohorts"]):
                month = date(2024 + (number + 1) // 12, (number + 1) % 12 + 1, 1)
                for age, cell in enumerate(cohort["cells"], 1):
                    if cohort["entered"]:
                        seen = (cell["count"], cell["cumulative"]["numerator"]) if cell else (None, None)
                        expected[month, group["key"]["channel"], 30 * age] = (cohort["entered"], *seen)
        found = await rows(reporting, f"SELECT * FROM reporting.cohort_months WHERE milestone = '{milestone}'")
        assert len(found) == len(expected) > 100
        for row in found:
            assert (row["entered"], row["came"], row["came_so_far"]) == expected[
                row["month"], row["channel"], row["age_days"]
            ]
