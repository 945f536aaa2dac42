"""The dashboard for Grafana: its queries run as Grafana would put them, and its figures are the API's."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.http.answers import json_answer
from service.stats import carding, operations, returning
from service.stats.schemas.cohorts import CohortsQuery
from service.stats.schemas.flow import OccupancyQuery
from service.stats.schemas.kpis import KpisQuery
from service.stats.schemas.returns import ChannelsQuery
from service.stats.schemas.trend import TrendQuery
from tests.stats.reading import rows, zones
from tests.stats.recounting import CATEGORIES, NOW, asked

DASHBOARD = json.loads((Path(__file__).parent.parent.parent / "docs/grafana/lead-lifecycle.json").read_text())
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
LOW, HIGH = "2025-01-01", "2026-01-01"
CURRENCY = "EUR"
EVERYBODY = ("(none)", "fair", "radio", "unknown", "web")
NONE = "(none)"


class Panels:
    """The panels as Grafana shows them to somebody who chose an interval of whole days, channels and a currency."""

    def __init__(self, connection: AsyncConnection, channels: tuple[str, ...]) -> None:
        self._connection = connection
        self._channels = ", ".join(f"'{channel}'" for channel in channels)

    async def show(self, title: str) -> list[dict[str, Any]]:
        (panel,) = (panel for panel in DASHBOARD["panels"] if panel["title"] == title)
        (target,) = panel["targets"]
        return await rows(self._connection, await self._filled(target["rawSql"]))

    async def figure(self, title: str) -> Any:
        ((value,),) = (row.values() for row in await self.show(title))
        return value

    async def _filled(self, query: str) -> str:
        """Replace macros and variables; Grafana tells instants in UTC, and both ends are inside."""
        zone = (await rows(self._connection, "SHOW TimeZone"))[0]["TimeZone"]
        edges = f"""SELECT to_char(timestamp '{LOW}' AT TIME ZONE '{zone}' AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS low,
            to_char((timestamp '{HIGH}' AT TIME ZONE '{zone}' - interval '1 second') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS high"""
        ((low, high),) = (row.values() for row in await rows(self._connection, edges))
        query = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN '{low}' AND '{high}'", query)
        query = query.replace("${channel:sqlstring}", self._channels).replace("${currency:sqlstring}", f"'{CURRENCY}'")
        assert "$" not in query
        return query


def asked_for(channels: tuple[str, ...]) -> dict[str, Any]:
    if channels == EVERYBODY:
        return {}
    return {"channel": [name for name in channels if name != NONE], "missing": ["channel"] if NONE in channels else []}


def test_it_is_a_dashboard_of_a_current_version() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert not {"id", "__inputs"} & set(DASHBOARD)
    assert DASHBOARD["time"]["to"] == "now"
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels) == 18
    taken = set()
    for panel in panels:
        assert panel["type"] in {"stat", "timeseries", "barchart", "table"}
        assert panel["description"].endswith(".")
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }  # no two on top of each other
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_everything_comes_from_the_source_that_is_chosen() -> None:
    source, *queried = DASHBOARD["templating"]["list"]
    assert (source["type"], source["name"], source["query"]) == ("datasource", "datasource", SOURCE["type"])
    assert all(variable["datasource"] == SOURCE for variable in queried)
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == SOURCE
        for target in panel["targets"]:
            assert target["datasource"] == SOURCE
            assert target["rawQuery"] is True
            named = set(re.findall(r"(?:FROM|JOIN)\s+([a-z_.]+)", target["rawSql"])) - {"started", "won", "spent"}
            assert named
            assert all(table.startswith("reporting.") for table in named)


async def test_its_variables_have_what_there_is(reporting: AsyncConnection) -> None:
    channel, currency = (variable["query"] for variable in DASHBOARD["templating"]["list"][1:])
    assert sorted(next(iter(row.values())) for row in await rows(reporting, channel)) == sorted(EVERYBODY)
    assert {row["currency"] for row in await rows(reporting, currency)} == {"CNY", "EUR"}


@pytest.mark.parametrize("channels", [EVERYBODY, ("web",), (NONE, "fair")])
async def test_its_figures_are_those_of_the_api(reporting: AsyncConnection, channels: tuple[str, ...]) -> None:
    async for zone in zones(reporting):
        panels = Panels(reporting, channels)
        scope = {"from_": LOW, "to": HIGH, "tz": zone, **asked_for(channels)}
        await check_card(reporting, panels, scope)
        await check_funnel(reporting, panels, scope)
        await check_over_time(reporting, panels, scope)
        await check_money(reporting, panels, scope)
        await check_standing(reporting, panels, scope)


async def card_of(connection: AsyncConnection, scope: dict[str, Any]) -> dict[str, Any]:
    answer = json_answer(await carding.kpis(connection, KpisQuery(**scope), now=NOW))
    return dict(json.loads(bytes(answer.body))["totals"])


async def check_card(connection: AsyncConnection, panels: Panels, scope: dict[str, Any]) -> None:
    card = await card_of(connection, scope)
    (money,) = (line for line in card["money"] if line["currency"] == CURRENCY)
    assert await panels.figure("New leads") == card["new_leads"]["value"]
    assert await panels.figure("Wins") == card["time_to_win"]["wins"] > 0
    assert float(await panels.figure("Conversion")) == pytest.approx(card["conversion"]["value"]["rate"])
    assert await panels.figure("Median days to win") == card["time_to_win"]["median_days"]
    assert f"{await panels.figure('Revenue'):.2f}" == money["revenue"]["value"]
    cost, told = await panels.figure("Cost per customer"), money["cost_per_customer"]["value"]
    assert cost is told is None or f"{cost:.2f}" == told


async def check_funnel(connection: AsyncConnection, panels: Panels, scope: dict[str, Any]) -> None:
    answer = await asked(connection, **scope, group_by=["channel"])
    stages = answer["totals"]["stages"]
    assert await panels.show("Funnel") == [{name: stage[name] for name in ("stage", "reached")} for stage in stages]
    for row, stage in zip(await panels.show("Conversion from stage to stage"), stages, strict=True):
        assert (row["stage"], row["reached"], row["open"]) == (stage["stage"], stage["reached"], stage["open"])
        assert row["churned"] == sum(stage["churned"].values())
        assert row["overall"] == pytest.approx(stage["overall"]["rate"])
        if stage is not stages[0]:
            assert row["step"] == pytest.approx(stage["step"]["rate"])
    by_channel = {row["channel"]: row for row in await panels.show("Conversion by channel")}
    assert set(by_channel) == {group["key"]["channel"] or NONE for group in answer["groups"]}
    for group in answer["groups"]:
        row = by_channel[group["key"]["channel"] or NONE]
        assert row["leads"] == group["entered"]
        assert row["opportunities"] == group["stages"][-2]["reached"]
        assert row["won of all"] == pytest.approx(group["stages"][-1]["overall"]["rate"])
        assert row["won of decided"] == pytest.approx(group["decided"]["rate"])
    churned = await panels.show("Why journeys churned")
    period = await asked(connection, **scope, mode="period")
    (into,) = (stage["in"] for stage in period["totals"]["stages"] if stage["stage"] == "churned")
    assert sum(row["journeys"] for row in churned) == into
    assert {row["category"] for row in churned} <= set(CATEGORIES)


async def check_over_time(connection: AsyncConnection, panels: Panels, scope: dict[str, Any]) -> None:
    by_day = await panels.show("New leads by channel")
    cohort = TrendQuery(**scope, mode="cohort", interval="day", group_by=["channel"])
    trend = await operations.trend(connection, cohort, now=NOW)
    assert series(by_day, "new leads") == {
        (bucket["from"], group["key"]["channel"] or NONE): bucket["counts"]["acquired"]
        for group in trend["groups"]
        for bucket in group["buckets"]
        if bucket["counts"]["acquired"]
    }
    moves = await operations.trend(connection, TrendQuery(**scope, mode="period", interval="day"), now=NOW)
    assert {
        key: count for key, count in series(await panels.show("Moves into each stage"), "moves").items() if count
    } == {
        (bucket["from"], stage): count
        for bucket in moves["totals"]["buckets"]
        for stage, count in bucket["counts"].items()
        if count
    }
    months = await panels.show("Time to win")
    for row, following in pairwise([*months, {"time": None}]):
        until = following["time"].isoformat() if following["time"] else HIGH
        edges = {"from_": row["time"].isoformat(), "to": until}
        card = (await card_of(connection, scope | edges))["time_to_win"]
        assert (row["median days"], row["wins"]) == (card["median_days"], card["wins"])
        assert row["mean days"] == pytest.approx(card["mean_days"], abs=1e-4)


def series(found: list[dict[str, Any]], value: str) -> dict[Any, int]:
    return {(row["time"], row["metric"]): row[value] for row in found}


async def check_money(connection: AsyncConnection, panels: Panels, scope: dict[str, Any]) -> None:
    answer = await returning.channels(connection, ChannelsQuery(**scope), now=NOW)
    found = {row["channel"]: row for row in await panels.show("Revenue, spend and ROI by channel")}
    assert set(found) == {
        group["key"]["channel"] or NONE
        for group in answer["groups"]
        if group["leads"] or any(line["currency"] == CURRENCY for line in group["money"])
    }
    for group in answer["groups"]:
        row = found.get(group["key"]["channel"] or NONE, {})
        for name in ("leads", "opportunities", "wins", "customers"):
            assert (row.get(name) or 0) == group[name]
        for line in group["money"]:
            if line["currency"] != CURRENCY:
                continue
            assert Decimal(row["revenue"] or 0) == Decimal(line["revenue"])
            for name in ("spend", "budget", "cost_per_lead", "cost_per_opportunity", "cost_per_customer"):
                value = row[name.replace("_", " ")]
                assert (None if value is None else f"{value:.2f}") == line[name]
            assert row["roi"] == (None if line["roi"] is None else pytest.approx(line["roi"]))
    period = await returning.channels(connection, ChannelsQuery(**scope, mode="period"), now=NOW)
    (told,) = (line for line in period["totals"]["money"] if line["currency"] == CURRENCY)
    sums = Counter[str]()
    for row in await panels.show("Revenue and spend"):
        sums.update(revenue=row["revenue"] or 0, spend=row["spend"] or 0)
    assert f"{sums['revenue']:.2f}" == told["revenue"]
    assert f"{sums['spend']:.2f}" == (told["spend"] or "0.00")


async def check_standing(connection: AsyncConnection, panels: Panels, scope: dict[str, Any]) -> None:
    by_day = series(await panels.show("Leads in each stage"), "leads")
    query = OccupancyQuery(**scope | {"from_": LOW, "to": HIGH}, interval="day")
    points = (await operations.occupancy(connection, query, now=NOW))["totals"]["points"]
    for point, following in pairwise(points):
        # A day's figure is that of the instant at which the next one begins.
        told = {stage: count for stage, count in following["stages"].items() if count}
        assert {stage: count for (at, stage), count in by_day.items() if at == point["at"]} == told
    chosen = {name: scope[name] for name in ("channel", "missing") if name in scope}
    now = await operations.occupancy(connection, OccupancyQuery(**chosen, group_by=["channel"]), now=NOW)
    standing = {row.pop("channel"): row for row in await panels.show("Where the leads of each channel stand")}
    assert standing == {group["key"]["channel"] or NONE: group["points"][0]["stages"] for group in now["groups"]}
    ages = await panels.show("Share won by age")
    cohorts = CohortsQuery(**scope, interval="month")
    ((moment,),) = (row.values() for row in await rows(connection, "SELECT now()"))
    triangle = (await operations.cohorts(connection, cohorts, now=moment))["totals"]["cohorts"]
    for number, row in enumerate(ages):
        seen = [cell["cumulative"] for cell in (cohort["cells"][number] for cohort in triangle) if cell]
        came, entered = (sum(rate[name] for rate in seen) for name in ("numerator", "denominator"))
        assert row["won by that age"] == pytest.approx(came / entered)
    assert [row["days"] for row in ages] == [str(30 * age) for age in range(1, len(ages) + 1)]
    assert len(ages) > 6
