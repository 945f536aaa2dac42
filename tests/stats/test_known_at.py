"""The same question, answered from what was known: late news and corrections do not change the past answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.lifecycle.ledger import Life, advance
from service.stats import operations
from service.stats.schemas.trend import TrendQuery
from tests.stats.recounting import NOW, asked, assert_same, check_addresses, recount

THEN = datetime(2025, 5, 1, tzinfo=UTC)


def known(person: Any, at: datetime, lag: timedelta) -> list[Any]:
    """Return the journeys of a person as its ledger was known at an instant, when each move was recorded ``lag`` after it occurred."""
    life, journeys = Life(), []
    for move in person.moves:
        if move.occurred_at + lag > at:
            break
        advance(life, move.step, now=NOW)
        if not journeys or journeys[-1] is not life.journey:
            journeys.append(life.journey)
    return journeys


async def test_what_was_not_recorded_yet_is_not_counted(engine: AsyncEngine, world) -> None:
    lag = timedelta(days=3)
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE transitions SET recorded_at = occurred_at + interval '3 days'"))
        for case in (
            {},
            {"group_by": ["channel", "industry"]},
            {"to": "2025-02-01", "skips": "strict"},
            {"window": "P30D"},
        ):
            answer = await asked(connection, known_at="2025-05-01", **case)
            end = datetime(2025, 2, 1, tzinfo=UTC) if "to" in case else NOW
            options = {"skips": case.get("skips", "credit"), "window": timedelta(days=30) if "window" in case else None}
            journeys = [j for p in world if not p.test for j in known(p, THEN, lag) if j.started_at < end]
            assert_same(answer["totals"], recount(journeys, **options), skips=options["skips"])
            if len(answer["groups"]) == 1:
                await check_addresses(connection, answer)


async def test_a_past_answer_outlives_a_correction(engine: AsyncEngine, world) -> None:
    """A correction supersedes the tail of a third of the ledgers; nothing is written in its place."""
    before: list[Any] = []
    questions: list[dict[str, Any]] = [
        {"group_by": ["channel"]},
        {"mode": "period", "from": "2025-01-01"},
        {"mode": "period", "from": "2025-01-01", "group_by": ["campaign"], "unit": "lead"},
    ]
    async with transaction(engine) as connection:
        before = [await asked(connection, known_at="2026-11-20", **case) for case in questions]
        superseded = await connection.execute(
            text(
                "UPDATE transitions SET superseded_at = '2026-11-21' WHERE sequence >= 3 AND lead_id::text < '5' || lead_id::text"
            )
        )
        assert superseded.rowcount > 100
        for case, answer in zip(questions, before, strict=True):
            assert await asked(connection, known_at="2026-11-20", **case) == answer
            now_known = await asked(connection, known_at="2026-11-21T00:00:00Z", **case)
            assert now_known["groups"] != answer["groups"]
            if len(answer["groups"]) < 5:
                await check_addresses(connection, answer)
                await check_addresses(connection, now_known)


async def test_a_trend_begins_where_it_was_believed_to_begin(client: AsyncClient) -> None:
    body = {"email": "ada@example.com", "occurred_at": "2026-01-10T00:00:00Z"}
    lead = (await client.post("/v1/leads", json=body)).json()
    before = datetime.now(UTC).isoformat()
    tail = [{"event": "acquire", "occurred_at": "2026-03-10T00:00:00Z"}]
    corrected = {"from_sequence": 1, "transitions": tail, "reason": "a typo"}
    assert (await client.post(f"/v1/leads/{lead['id']}/corrections", json=corrected)).status_code == 201
    for mode in ("cohort", "period"):
        question = {"mode": mode, "interval": "month", "known_at": before}
        [first, *_] = (await client.get("/v1/stats/trend", params=question)).json()["totals"]["buckets"]
        assert (first["from"][:7], first["counts"]["acquired"]) == ("2026-01", 1)


async def test_what_is_known_now_is_the_present_answer(engine: AsyncEngine, world) -> None:
    async with transaction(engine) as connection:
        for case in ({"group_by": ["channel"]}, {"mode": "period", "from": "2025-01-01", "group_by": ["channel"]}):
            present, as_known = await asked(connection, **case), await asked(connection, known_at="2026-11-22", **case)
            for one, other in zip(present["groups"], as_known["groups"], strict=True):
                assert one["key"] == other["key"]
                for stage, as_known_stage in zip(one["stages"], other["stages"], strict=True):
                    figures = {name: held for name, held in stage.items() if name not in ("leads", "links")}
                    assert figures == {name: as_known_stage[name] for name in figures}
        trends = [
            await operations.trend(connection, TrendQuery(interval="month", known_at=at), now=NOW)
            for at in (None, "2026-11-22")
        ]
        counts = [[bucket["counts"] for bucket in trend["totals"]["buckets"]] for trend in trends]
        assert counts[0] == counts[1]
