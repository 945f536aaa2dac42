"""Short words for what every test of leads does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import all_faults
from service.stats.verify import snapshot

Json = dict[str, Any]


@pytest.fixture
def create(client: AsyncClient) -> Callable[..., Awaitable[Json]]:
    """Create a lead, or match one: ``await create(email=…)`` → the lead."""

    async def create_or_match(**body: object) -> Json:
        answer = await client.post("/v1/leads", json=body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()  # type: ignore[no-any-return]

    return create_or_match


@pytest.fixture
def move(client: AsyncClient) -> Callable[..., Awaitable[Response]]:
    """Move a lead: ``await move(lead, "qualify", allow_skip=True)`` → the answer."""

    async def send(lead: Json, event: str, *, headers: dict[str, str] | None = None, **body: object) -> Response:
        return await client.post(
            f"/v1/leads/{lead['id']}/transitions", json={"event": event, **body}, headers=headers or {}
        )

    return send


@pytest.fixture
def walk(move) -> Callable[..., Awaitable[Json]]:
    """Move a lead through several events, each of which must succeed: ``await walk(lead, "clean", "qualify")`` → the lead."""

    async def send_all(lead: Json, *events: str | tuple[str, Json]) -> Json:
        for step in events:
            event, body = step if isinstance(step, tuple) else (step, {})
            if event in {"churn", "recycle"}:
                body = {"reason": "price"} | body
            answer = await move(lead, event, **body)
            assert answer.status_code == 201, answer.text
            lead = answer.json()["lead"]
        return lead

    return send_all


@pytest.fixture
def rows(client: AsyncClient) -> Callable[..., Awaitable[list[Json]]]:
    """Read a list that belongs to a lead: ``await rows(lead, "journeys")``."""

    async def read(lead: Json, what: str, **query: object) -> list[Json]:
        answer = await client.get(f"/v1/leads/{lead['id']}/{what}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]  # type: ignore[no-any-return]

    return read


@pytest.fixture
def events(client: AsyncClient) -> Callable[..., Awaitable[list[Json]]]:
    """Read the change feed, of one lead or of all."""

    async def read(lead: Json | None = None) -> list[Json]:
        found = (await client.get("/v1/events", params={"limit": 500})).json()["data"]
        return [event for event in found if lead is None or event["lead_id"] == lead["id"]]

    return read


@pytest.fixture
def faults(engine: AsyncEngine) -> Callable[[], Awaitable[list[str]]]:
    """Run `leads verify` on the test's database: ``await faults()``."""

    async def find() -> list[str]:
        async with snapshot(engine) as connection:
            return await all_faults(connection)

    return find


@pytest.fixture
def correct(client: AsyncClient):
    """Correct a lead's ledger: ``await correct(lead, 2, step, step)`` → the answer."""

    async def send(lead, from_sequence: int, *transitions, reason: str = "typo", **headers: str):
        body = {"from_sequence": from_sequence, "transitions": list(transitions), "reason": reason}
        return await client.post(f"/v1/leads/{lead['id']}/corrections", json=body, headers=headers)

    return send
