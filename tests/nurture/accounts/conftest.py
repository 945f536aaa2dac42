"""What tests of accounts have in common: people are made, moved and read over HTTP, and nurture is run until it rests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.nurture.accounts.reaction import ACCOUNTS
from service.nurture.engine import Nurture

Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def lead(client: AsyncClient) -> Call:
    async def make(email: str, **more: Any) -> dict[str, Any]:
        answer = await client.post("/v1/leads", json={"email": email, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return make


@pytest.fixture
def move(client: AsyncClient) -> Call:
    async def make(lead_id: str, event: str, **more: Any) -> None:
        body = {"event": event, "allow_skip": True, **more}
        answer = await client.post(f"/v1/leads/{lead_id}/transitions", json=body)
        assert answer.status_code == 201, answer.text

    return make


@pytest.fixture
def get(client: AsyncClient) -> Call:
    async def read(path: str, **query: Any) -> Any:
        answer = await client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return read


@pytest.fixture
def nurture(engine: AsyncEngine) -> Callable[[], Awaitable[None]]:
    one = Nurture(engine, [ACCOUNTS])

    async def drain() -> None:
        while await one.run():
            pass

    return drain


@pytest.fixture
def rule(client: AsyncClient, nurture: Callable[[], Awaitable[None]]) -> Call:
    async def put(*tiers: dict[str, Any], **more: Any) -> int:
        answer = await client.put("/v1/account-tiers", json={"tiers": list(tiers), **more})
        assert answer.status_code == 200, answer.text
        await nurture()
        return answer.json()["version"]

    return put


@pytest.fixture
def tier(get: Call, nurture: Callable[[], Awaitable[None]]) -> Call:
    async def read(domain: str) -> str | None:
        await nurture()
        return (await get(f"/v1/accounts/{domain}"))["tier"]

    return read
