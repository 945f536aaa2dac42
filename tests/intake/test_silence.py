"""A channel that is silent for longer than its own habit is reported, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from jsonschema import Draft202012Validator
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import all_faults
from service.core.database import transaction
from service.core.ids import first_id, new_id
from service.intake.silence import longest_gap, report_silent
from service.outbound.catalogue import EVENT_TYPES
from service.stats.verify import snapshot

# A Wednesday noon; the channel is as old as its first delivery.
NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def speak(client: AsyncClient, engine: AsyncEngine, web: str):
    """Make deliveries to "web" that were received at these instants."""

    async def store(moments: Sequence[datetime]) -> None:
        rows = [{"id": str(first_id(at))[:18] + str(new_id())[18:], "at": at.isoformat()} for at in moments]
        async with transaction(engine) as connection:
            await connection.execute(
                text("""INSERT INTO deliveries (id, bucket, channel, received_at, method, headers, query, body, status)
                SELECT id, 0, 'web', at, 'POST', '{}', '', '', 'processed'
                FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (id uuid, at timestamptz)"""),
                {"rows": json.dumps(rows)},
            )
            await connection.execute(text("UPDATE channels SET created_at = '2026-01-01'"))

    return store


@pytest.fixture
def look(engine: AsyncEngine):
    async def run(at: datetime) -> int:
        async with transaction(engine) as connection:
            return await report_silent(connection, now=at)

    return run


def every(step: timedelta, *, until: datetime, days: float) -> list[datetime]:
    return [until - step * number for number in range(int(timedelta(days=days) / step))]


def office_hours(until: datetime, *, days: int = 35) -> list[datetime]:
    """Each half hour from 9 to 17 on working days."""
    return [at for at in every(HOUR / 2, until=until, days=days) if at.weekday() < 5 and 9 <= at.hour < 17]


async def silences(client: AsyncClient) -> list[dict[str, Any]]:
    return (await client.get("/v1/events", params={"type": "channel.silent"})).json()["data"]


async def test_it_works(client: AsyncClient, engine: AsyncEngine, speak, look) -> None:
    await speak(every(HOUR / 2, until=NOON, days=20))
    async with transaction(engine) as connection:
        await connection.execute(
            text("INSERT INTO channel_refusals VALUES ('web', :day, 'bad_signature', 14)"), {"day": NOON.date()}
        )
    assert await look(NOON + 0.9 * HOUR) == 0
    assert await look(NOON + 1.1 * HOUR) == 1
    (event,) = await silences(client)
    Draft202012Validator(EVENT_TYPES["channel.silent"].schema).validate(event)
    assert event["lead_id"] is None
    assert event["sequence"] == 0
    assert event["data"] == {
        "channel": {"key": "web", "vendor": "standard-webhooks", "name": None},
        "silent_since": "2026-06-17T12:00:00Z",
        "longest_gap_seconds": 1800.0,
        "refused": {"bad_signature": 14},
    }
    assert (await client.get("/v1/channels/web")).json()["silent_since"] == "2026-06-17T12:00:00Z"
    async with snapshot(engine) as connection:
        assert await all_faults(connection) == []


async def test_each_silence_is_told_once(client: AsyncClient, speak, look) -> None:
    await speak(every(HOUR / 2, until=NOON, days=20))
    assert sorted(await asyncio.gather(*(look(NOON + 5 * HOUR) for _ in range(6)))) == [0, 0, 0, 0, 0, 1]
    assert await look(NOON + 30 * DAY) == 0
    await speak([NOON + 6 * HOUR])
    assert (await client.get("/v1/channels/web")).json()["silent_since"] is None
    assert await look(NOON + 7 * HOUR) == 0
    assert await look(NOON + 12 * HOUR) == 1
    assert [one["data"]["silent_since"] for one in await silences(client)] == [
        "2026-06-17T12:00:00Z",
        "2026-06-17T18:00:00Z",
    ]


async def test_nights_and_weekends_are_no_silence(speak, look) -> None:
    friday = datetime(2026, 6, 19, 16, 30, tzinfo=UTC)
    await speak(office_hours(friday))
    for hours in range(2, 64):
        assert await look(friday + hours * HOUR) == 0, hours
    # Monday afternoon: it should have spoken since nine.
    assert await look(datetime(2026, 6, 22, 14, tzinfo=UTC)) == 1


async def test_a_busy_hour_is_missed_within_hours(speak, look) -> None:
    wednesday = datetime(2026, 6, 17, 10, tzinfo=UTC)
    await speak(office_hours(wednesday))
    assert await look(wednesday + HOUR) == 0
    assert await look(wednesday + 5 * HOUR) == 1


async def test_a_rare_channel_is_given_its_time(speak, look) -> None:
    await speak(every(DAY, until=NOON, days=28))
    assert await look(NOON + 1.4 * DAY) == 0
    assert await look(NOON + 1.6 * DAY) == 1


async def test_without_a_habit_there_is_no_silence(speak, look) -> None:
    await speak(every(HOUR, until=NOON, days=19 / 24))
    assert await look(NOON + 100 * DAY) == 0


async def test_a_young_channel_has_a_day(speak, look) -> None:
    await speak(every(HOUR / 4, until=NOON, days=2))
    assert await look(NOON + 23 * HOUR) == 0
    assert await look(NOON + 25 * HOUR) == 1


async def test_a_week_is_a_silence_for_everybody(speak, look) -> None:
    friday = datetime(2026, 6, 19, 16, 30, tzinfo=UTC)
    await speak(office_hours(friday))
    assert await look(friday + 8 * DAY) == 1


@pytest.mark.parametrize("change", ["enabled = false", "deleted_at = now()"])
async def test_a_channel_that_is_switched_off_may_be_silent(engine: AsyncEngine, speak, look, change: str) -> None:
    await speak(every(HOUR / 2, until=NOON, days=20))
    async with transaction(engine) as connection:
        await connection.execute(text(f"UPDATE channels SET {change}"))
    assert await look(NOON + 5 * HOUR) == 0


async def test_the_worker_looks(client: AsyncClient, speak, worker) -> None:
    await speak(every(HOUR / 2, until=NOON, days=20))
    await worker()
    assert len(await silences(client)) == 1


async def test_bursts_are_not_a_habit(speak, look) -> None:
    """A hundred deliveries within a minute, each Monday and Thursday at noon, give or take an hour."""
    bursts = [
        NOON + DAY - 7 * DAY * week - 3 * DAY * half + HOUR * (week % 3 - 1) for week in range(5) for half in (0, 1)
    ]
    await speak([at + timedelta(seconds=number / 2) for at in bursts for number in range(100)])
    last = max(bursts)
    for hours in range(2, 4 * 24 - 2, 5):
        assert await look(last + hours * HOUR) == 0, hours
    assert await look(last + 6.5 * DAY) == 1


def test_the_longest_gap() -> None:
    assert longest_gap([NOON, NOON - HOUR, NOON - DAY]) == DAY - HOUR
    assert longest_gap([NOON]) == timedelta(0)
