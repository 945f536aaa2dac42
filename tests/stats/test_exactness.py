"""Whatever happens to leads, every figure is what a plain recount of the ledgers gives, and every address lists what it counts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.leads.verify import verify as verify_leads
from service.stats.store import folding
from service.stats.verify import snapshot
from service.stats.verify import verify as verify_statistics
from tests.stats.histories import RUNGS, History, Journey, at, moves

STAGES = (*RUNGS, "churned", "reactivated")
BERLIN_MARCH = ("2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00")


class Asker:
    """Asks questions, follows their addresses, and remembers how many it followed."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.followed = 0

    async def ask(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/stats/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def lists(self, address: str, count: int) -> None:
        answer = (await self.client.get(f"{address}&count=true&limit=1")).json()
        assert answer.get("total") == count, (address, answer)
        self.followed += 1


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_figure_is_the_recount(
    client: AsyncClient, engine: AsyncEngine, worker, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(client, seed)
    await history.run(170)
    assert {"create", "win", "churn", "correct", "merge", "undo", "erase"} <= history.done
    journeys = await history.journeys()
    asker = Asker(client)
    for folded in (False, True):
        if folded:
            # As many as these are of a file: what can be appended is.
            monkeypatch.setattr(folding, "MANY", 1)
            await worker()
        await funnels(asker, journeys, follow=folded)
        await periods(asker, journeys, follow=folded)
    await flows(asker, journeys)
    await standing(asker, journeys)
    await times(asker, journeys)
    await triangles(asker, journeys)
    await money(asker, journeys)
    assert asker.followed > 100
    async with snapshot(engine) as connection:
        assert await verify_statistics(connection) == []
        assert [fault async for fault in verify_leads(connection, now=clock.now())] == []


def within(journeys: list[Journey], low: str | None, high: str | None) -> list[Journey]:
    start, end = (datetime.fromisoformat(bound) if bound else None for bound in (low, high))
    return [j for j in journeys if (start is None or j.started >= start) and (end is None or j.started < end)]


async def funnels(asker: Asker, journeys: list[Journey], *, follow: bool) -> None:
    cases: list[tuple[dict[str, Any], list[Journey]]] = [
        ({}, journeys),
        ({"skips": "strict", "group_by": "channel"}, journeys),
        ({"unit": "lead", "group_by": "country"}, [j for j in journeys if j.number == 1]),
        ({"from": "2026-03-01", "to": "2026-04-01", "tz": "Europe/Berlin"}, within(journeys, *BERLIN_MARCH)),
        ({"window": "P10D", "group_by": "channel"}, journeys),
    ]
    for parameters, counted in cases:
        answer = await asker.ask("funnel", **parameters)
        strict, window = parameters.get("skips") == "strict", timedelta(days=10) if "window" in parameters else None
        for group in [*answer["groups"], answer["totals"]]:
            mine = [j for j in counted if all(getattr(j, name) == value for name, value in group["key"].items())]
            assert group["entered"] == len(mine)
            for stage in group["stages"]:
                name = stage["stage"]
                reached = [
                    j
                    for j in mine
                    if (when := j.reached(name, strict=strict)) and (window is None or when <= j.started + window)
                ]
                assert stage["reached"] == len(reached), (parameters, group["key"], name)
                if window is None:
                    churned = Counter(j.category for j in mine if j.furthest == name and j.churned)
                    assert {c: n for c, n in stage["churned"].items() if n} == dict(churned)
                    is_open = [j for j in mine if j.furthest == name and not j.churned and name != "won"]
                    assert stage["open"] == len(is_open)
                if follow:
                    await asker.lists(stage["leads"], stage["reached"])
                    for part, address in stage["links"].items():
                        count = sum(stage["churned"].values()) if part == "churned" else stage.get(part)
                        count = (
                            stage["churned"][part.removeprefix("churned.")] if part.startswith("churned.") else count
                        )
                        await asker.lists(address, count)


async def periods(asker: Asker, journeys: list[Journey], *, follow: bool) -> None:
    low, high = (datetime.fromisoformat(bound) for bound in BERLIN_MARCH)
    answer = await asker.ask(
        "funnel", **{"mode": "period", "from": "2026-03-01", "to": "2026-04-01", "tz": "Europe/Berlin"}
    )
    trend = await asker.ask(
        "trend", **{"interval": "week", "tz": "Europe/Berlin", "from": "2026-01-01", "to": "2026-06-01"}
    )
    entered = Counter(move["to_stage"] for _, move in moves(journeys) if low <= at(move) < high)
    left = Counter(move["from_stage"] for _, move in moves(journeys) if low <= at(move) < high and move["from_stage"])
    for stage in answer["totals"]["stages"]:
        name = stage["stage"]
        assert (stage["in"], stage["out"]) == (entered[name], left[name])
        assert (stage["opening"], stage["closing"]) == (stood(journeys, low)[name], stood(journeys, high)[name])
        for part, address in stage["links"].items() if follow else ():
            await asker.lists(address, stage["step"]["numerator"] if part == "next" else stage[part])
    for bucket in trend["totals"]["buckets"]:
        since, until = (datetime.fromisoformat(bucket[name]) for name in ("from", "to"))
        counted = Counter(move["to_stage"] for _, move in moves(journeys) if since <= at(move) < until)
        assert {name: count for name, count in bucket["counts"].items() if count} == dict(counted)


def stood(journeys: list[Journey], when: datetime) -> Counter[str]:
    """Who stood where at an instant."""
    last: dict[str, tuple[int, str]] = {}
    for journey, move in moves(journeys):
        if at(move) < when and move["sequence"] > last.get(journey.lead, (0, ""))[0]:
            last[journey.lead] = (move["sequence"], move["to_stage"])
    return Counter(stage for _, stage in last.values())


async def flows(asker: Asker, journeys: list[Journey]) -> None:
    answer = await asker.ask("flow", distinct=True, group_by="channel")
    for group in [*answer["groups"], answer["totals"]]:
        mine = [j for j in journeys if not group["key"] or j.channel == group["key"]["channel"]]
        counted = Counter((move["from_stage"], move["to_stage"]) for _, move in moves(mine))
        people = {(move["from_stage"], move["to_stage"], journey.lead) for journey, move in moves(mine)}
        links = {(link["source"], link["target"]): link for link in group["buckets"][0]["links"]}
        assert {pair: link["moves"] for pair, link in links.items()} == dict(counted)
        assert {pair: link["distinct_leads"] for pair, link in links.items()} == dict(
            Counter((a, b) for a, b, _ in people)
        )
        for link in list(links.values())[:4]:
            await asker.lists(link["leads"], link["moves"])


async def standing(asker: Asker, journeys: list[Journey]) -> None:
    for when in ("2026-02-14", "2026-03-29T01:30:00Z"):
        (point,) = (await asker.ask("occupancy", at=when))["totals"]["points"]
        counted = stood(journeys, datetime.fromisoformat(point["at"]))
        assert {name: count for name, count in point["stages"].items() if count} == dict(counted)
        for stage, address in point["leads"].items():
            await asker.lists(address, point["stages"][stage])
    (now,) = (await asker.ask("occupancy"))["totals"]["points"]
    assert now["total"] == len({j.lead for j in journeys})


async def times(asker: Asker, journeys: list[Journey]) -> None:
    answer = await asker.ask("velocity", group_by="channel")
    for group in [*answer["groups"], answer["totals"]]:
        mine = [j for j in journeys if not group["key"] or j.channel == group["key"]["channel"]]
        for stage, found in group["time_to"].items():
            reached = [j for j in mine if j.reached(stage)]
            gone = [j for j in mine if not j.reached(stage) and j.churned]
            assert (found["reached"], found["churned"], found["journeys"]) == (len(reached), len(gone), len(mine))
        stays = Counter(move["to_stage"] for _, move in moves(mine))
        assert {stage: one["stays"] for stage, one in group["time_in"].items() if one["stays"]} == dict(stays)
    names = {"there": "reached", "other": "churned", "open": "open", "left": "left"}
    for one in [*answer["totals"]["time_to"].values(), *answer["totals"]["time_in"].values()]:
        for part, address in one["links"].items():
            await asker.lists(address, one[names[part]])


async def triangles(asker: Asker, journeys: list[Journey]) -> None:
    answer = await asker.ask("cohorts", interval="month", age="P5D", ages=6, milestone="opportunity")
    for cohort in answer["totals"]["cohorts"]:
        since, until = (datetime.fromisoformat(cohort[name]) for name in ("from", "to"))
        mine = [j for j in journeys if since <= j.started < until]
        assert cohort["entered"] == len(mine)
        for number, cell in enumerate(cohort["cells"], 1):
            if cell is not None:
                limit = timedelta(days=5 * number)
                came = [j for j in mine if (when := j.reached("opportunity")) and when - j.started <= limit]
                assert cell["cumulative"]["numerator"] == len(came)
                if cell["count"]:
                    await asker.lists(cell["leads"], cell["count"])


async def money(asker: Asker, journeys: list[Journey]) -> None:
    low, high = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    for mode in ("cohort", "period"):
        answer = await asker.ask("channels", **{"mode": mode, "from": "2026-02-01", "to": "2026-04-01"})
        for group in [*answer["groups"], answer["totals"]]:
            mine = [j for j in journeys if not group["key"] or j.channel == group["key"]["channel"]]
            won = [
                j for j in mine if (when := j.first("won")) and low <= (j.started if mode == "cohort" else when) < high
            ]
            revenue: Counter[str] = Counter()
            for amount, currency in (j.amount for j in won if j.amount):
                revenue[currency] += amount  # type: ignore[assignment]
            assert group["wins"] == len(won)
            assert {line["currency"]: Decimal(line["revenue"]) for line in group["money"]} == dict(revenue)
            for name, address in group["links"].items():
                await asker.lists(address, group[name])
    credited = await asker.ask("attribution")
    assert credited["totals"]["wins"] == sum(1 for j in journeys if j.first("won"))
    for line in credited["credits"]:
        if line["touched_wins"]:
            await asker.lists(line["leads"], line["touched_wins"])
    seen = await asker.ask("forecast")
    assert seen["open"] == sum(1 for j in journeys if not j.churned and not j.first("won"))
    steps = await asker.ask("bottlenecks")
    assert steps["totals"]["journeys"] == len(journeys)
    card = await asker.ask("kpis", **{"from": "2026-02-01", "to": "2026-04-01"})
    assert card["totals"]["new_leads"]["value"] == len([j for j in journeys if low <= j.started < high])
    assert card["totals"]["conversion"]["value"]["numerator"] == len(
        [move for _, move in moves(journeys) if move["to_stage"] == "won" and low <= at(move) < high]
    )
    await asker.lists(card["totals"]["new_leads"]["leads"], card["totals"]["new_leads"]["value"])
