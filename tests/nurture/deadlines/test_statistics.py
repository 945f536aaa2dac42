"""Statistics of deadlines: recounted by hand from the list, every figure by its address, and against a public estimator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from httpx import AsyncClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.core.ids import new_id
from service.nurture.deadlines.statistics.figures import Waits, response
from service.nurture.deadlines.statistics.question import Asked
from service.nurture.deadlines.tables import deadlines

Worker = Callable[[], Awaitable[None]]
Later = Callable[[timedelta], datetime]

RULES = {
    "calendars": {"office": {"tz": "Asia/Shanghai", "hours": {"mon": ["09:00-18:00"], "wed": ["22:00-06:00"]}}},
    "rules": [
        {"key": "answer", "stage": "acquired", "what": "first_response", "allowed": "PT4H"},
        {
            "key": "answer-cleaned",
            "stage": "cleaned",
            "what": "first_response",
            "allowed": "PT9H",
            "calendar": "office",
        },
        {"key": "go-on", "stage": "cleaned", "what": "leave_stage", "allowed": "P2D"},
    ],
}


async def figures(client: AsyncClient, name: str, **params: Any) -> dict[str, Any]:
    answer = await client.get(f"/v1/stats/{name}", params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
async def world(client: AsyncClient, worker: Worker, later: Later) -> datetime:
    """Leads of two channels and three owners that were answered, moved and left lying over four days; returns when that began."""
    dice = Random(7)
    assert (await client.put("/v1/sla-rules", json=RULES)).is_success
    start, ids = clock.now(), []
    for number in range(24):
        body: dict[str, Any] = {"email": f"a{number}@example.com", "channel": ["web", "fair", None][number % 3]}
        body |= {"test": True} if number == 5 else {}
        ids.append((await client.post("/v1/leads", json=body)).json()["id"])
        if number % 4:
            await client.patch(f"/v1/leads/{ids[-1]}", json={"owner": ["eve", "max", "o'neil & co"][number % 4 - 1]})
        later(timedelta(minutes=dice.randrange(200)))
        for known in ids:
            match dice.randrange(24):
                case 0 | 1:
                    await client.post("/v1/activities", json={"lead_id": known, "kind": "call.made"})
                case 2:
                    await client.post(f"/v1/leads/{known}/transitions", json={"event": "clean"})
                case 3:
                    body = {"event": "churn", "reason": "spam"}
                    await client.post(f"/v1/leads/{known}/transitions", json=body)
        if not number % 6:
            await worker()
    await client.post(f"/v1/leads/{ids[2]}/erasure")
    await worker()
    return start


async def everything(client: AsyncClient, **params: Any) -> list[dict[str, Any]]:
    states = ["open", "overdue", "in_time", "late"]
    return list((await client.get("/v1/deadlines", params={"state": states, "limit": 500, **params})).json()["data"])


async def test_what_is_overdue_is_what_a_recount_finds(client: AsyncClient, world: datetime) -> None:
    every = await everything(client)
    states = Counter(one["state"] for one in every)
    assert all(states[state] for state in ("open", "overdue", "in_time", "late")), states
    answer = await figures(client, "overdue", group_by="owner,channel")
    assert "test" in answer["definition"]["text"]
    totals = answer["totals"]
    assert {state: totals[state] for state in states} == states
    assert totals["started"] == len(every)
    assert totals["met"]["numerator"] == states["in_time"]
    assert totals["met"]["denominator"] == len(every) - states["open"]
    by_group = Counter((one["owner"], one["channel"], one["state"]) for one in every)
    found = {
        (group["key"]["owner"], group["key"]["channel"], state): group[state]
        for group in answer["groups"]
        for state in ("open", "overdue", "in_time", "late")
        if group[state]
    }
    assert found == by_group
    assert [group["started"] for group in answer["groups"]] == sorted(
        (group["started"] for group in answer["groups"]), reverse=True
    )


@pytest.mark.parametrize("name", ["overdue", "response"])
async def test_every_figure_is_as_many_as_its_address_lists(
    client: AsyncClient, world: datetime, later: Later, name: str
) -> None:
    since = (world + timedelta(hours=9)).isoformat()
    for params in (
        {"group_by": ["owner", "stage"]},
        {"group_by": "channel,rule", "from": since, "owner": ["eve", "o'neil & co"], "missing": "owner"},
        {"channel": "web", "to": since},
    ):
        answer = await figures(client, name, **params)
        later(timedelta(minutes=30))
        checked = 0
        for group in [answer["totals"], *answer["groups"]]:
            for part, address in group["links"].items():
                listed = (await client.get(address, params=None if "?" in address else {})).json()
                count = (await client.get(f"{address}&count=true&limit=1")).json()["total"]
                assert count == group[part], (part, address)
                assert len(listed["data"]) == min(count, 50)
                checked += count
        assert checked


async def test_response_times_are_those_of_the_list(client: AsyncClient, world: datetime) -> None:
    every = await everything(client, what="first_response")
    answer = await figures(client, "response", group_by="channel")
    now = datetime.fromisoformat(answer["definition"]["at"])
    for group in answer["groups"]:
        mine = [one for one in every if one["channel"] == group["key"]["channel"]]
        ended = Counter(one["ended_how"] for one in mine)
        assert (group["started"], group["responded"]) == (len(mine), ended["met"])
        assert (group["left"], group["open"]) == (ended["left"], ended[None])
        seconds = [
            (datetime.fromisoformat(one["ended_at"] or now.isoformat()) - datetime.fromisoformat(one["started_at"]))
            for one in mine
        ]
        causes = [{"met": 1, "left": 2, None: 0}[one["ended_how"]] for one in mine]
        times, incidence = cumulative_incidence_competing_risks(
            np.array(causes), np.array([span.total_seconds() for span in seconds])
        )
        assert group["clock_seconds"]["p50"] == _first(times, incidence[1], 0.5)
    assert answer["totals"]["started"] == len(every)


def _office_seconds(since: datetime, until: datetime) -> float:
    """Return how much of a time lies in the hours of RULES' calendar, day by day."""
    tz, gone = ZoneInfo("Asia/Shanghai"), timedelta(0)
    day = since.astimezone(tz).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    while day < until:
        for weekday, opens, closes in ((0, 9, 18), (2, 22, 30)):
            if day.weekday() == weekday:
                begins, ends = (max(since, day + timedelta(hours=opens)), min(until, day + timedelta(hours=closes)))
                gone += max(ends - begins, timedelta(0))
        day += timedelta(days=1)
    return gone.total_seconds()


async def test_working_time_is_that_of_the_rules_calendar(client: AsyncClient, world: datetime) -> None:
    """A median of working time may be above that by the clock: of those who still wait, working time may have stood still."""
    answer = await figures(client, "response", group_by="rule", leaving="responds")
    now = datetime.fromisoformat(answer["definition"]["at"])
    by_rule = {group["key"]["rule"]: group for group in answer["groups"]}
    plain, office = by_rule["answer"], by_rule["answer-cleaned"]
    assert plain["clock_seconds"] == pytest.approx(plain["working_seconds"])
    mine = [one for one in await everything(client, what="first_response") if one["rule"] == "answer-cleaned"]
    seconds = [
        _office_seconds(
            datetime.fromisoformat(one["started_at"]), datetime.fromisoformat(one["ended_at"] or now.isoformat())
        )
        for one in mine
    ]
    times, survival = kaplan_meier_estimator([one["ended_how"] is not None for one in mine], np.array(seconds))
    assert office["started"] == len(mine)
    for name, share in (("p50", 0.5), ("p75", 0.75), ("p90", 0.9)):
        assert office["working_seconds"][name] == pytest.approx(_first(times, 1 - survival, share), abs=1e-3), name


@pytest.mark.parametrize(
    ("name", "params", "pointer"),
    [
        ("response", {"group_by": "mood"}, "?group_by"),
        ("response", {"group_by": "owner,owner"}, "?group_by"),
        ("overdue", {"from": "2026-02-01", "to": "2026-01-01"}, "?to"),
        ("overdue", {"tz": "Mars/Base"}, "?tz"),
        ("overdue", {"from": "yesterday"}, "?from"),
        ("overdue", {"mood": "good"}, "?mood"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    client: AsyncClient, name: str, params: dict[str, str], pointer: str
) -> None:
    answer = await client.get(f"/v1/stats/{name}", params=params)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_nothing_is_nothing(client: AsyncClient) -> None:
    answer = await figures(client, "response")
    assert answer["totals"]["clock_seconds"] == {"p50": None, "p75": None, "p90": None}
    assert len(answer["groups"]) == 1
    answer = await figures(client, "overdue")
    assert answer["totals"]["met"]["rate"] is None
    assert (await figures(client, "overdue", group_by="owner"))["groups"] == []


async def test_it_takes_a_key_that_may_read_statistics(client: AsyncClient, key: Callable[..., Awaitable[str]]) -> None:
    token = await key("leads:read")
    answer = await client.get("/v1/stats/overdue", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


async def test_a_statistic_is_a_table_too(client: AsyncClient, world: datetime) -> None:
    answer = await client.get("/v1/stats/overdue", params={"group_by": "owner"}, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert "in_time" in answer.text.splitlines()[0]


async def test_leads_that_wait_by_a_calendar_of_old_count_by_it(
    client: AsyncClient, engine: AsyncEngine, worker: Worker, later: Later
) -> None:
    """Between new rules and their sweep, what waits is still counted by the calendar that it began with."""
    assert (await client.put("/v1/sla-rules", json=RULES)).is_success
    lead = (await client.post("/v1/leads", json={"email": "ann@example.com"})).json()
    await client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": "clean"})
    await worker()
    later(timedelta(days=14))
    assert (await client.put("/v1/sla-rules", json={})).is_success
    (group,) = (await figures(client, "response", group_by="rule", rule="answer-cleaned"))["groups"]
    assert group["open"] == 1


_ASKED = Asked(
    start=None, end=None, tz="UTC", at=datetime(2026, 11, 22, tzinfo=UTC), group_by=(), values={}, missing=()
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["met", None])), min_size=1, max_size=60))
def test_quantiles_are_those_of_kaplan_and_meier(waits: list[tuple[int, str | None]]) -> None:
    given_ = [Waits((), how, [float(wait)], [float(wait)]) for wait, how in waits]
    ours = response(_ASKED, given_, "competes")["totals"]["clock_seconds"]
    if all(how is None for _, how in waits):
        assert ours == {"p50": None, "p75": None, "p90": None}
        return
    happened, times = np.array([how == "met" for _, how in waits]), np.array([float(wait) for wait, _ in waits])
    at, left = kaplan_meier_estimator(happened, times)
    assert ours == {name: _first(at, 1 - left, share) for name, share in (("p50", 0.5), ("p75", 0.75), ("p90", 0.9))}


def _first(times: Any, shares: Any, share: float) -> float | None:
    there = np.flatnonzero(np.asarray(shares) >= share - 1e-9)
    return float(times[there[0]]) if there.size else None


async def test_many_are_answered_soon(client: AsyncClient, engine: AsyncEngine) -> None:
    """Four thousand deadlines, half of them still waiting by a calendar, take a moment."""
    assert (await client.put("/v1/sla-rules", json=RULES)).is_success
    lead = (await client.post("/v1/leads", json={"email": "ann@example.com"})).json()["id"]
    now = clock.now()
    rows = []
    for number in range(4_000):
        start = now - timedelta(minutes=number * 5)
        ended = start + timedelta(minutes=number % 600) if number % 2 else None
        rows.append(
            {
                "lead_id": lead, "id": new_id(), "rule": "answer-cleaned", "version": 1, "calendar": "office", "channel": None,
                "what": "first_response", "stage": "cleaned", "journey": 1, "score_band": "below-25", "started_at": start,
                "counted_from": start, "due_at": start + timedelta(hours=5), "created_at": start, "updated_at": start,
                "ended_at": ended, "ended_how": "met" if ended else None, "worked_seconds": 60.0 if ended else None,
                "owner": f"o{number % 50}",
            }
        )  # fmt: skip
    async with transaction(engine) as connection:
        for part in range(0, len(rows), 1000):
            await connection.execute(insert(deadlines), rows[part : part + 1000])
    began = clock.now()
    answer = await figures(client, "response", group_by="owner")
    assert clock.now() - began < timedelta(seconds=5)
    assert answer["totals"]["started"] == 4_000
    assert len(answer["groups"]) == 50
