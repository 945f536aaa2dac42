from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import all_faults
from service.core import clock
from service.settings import Settings
from service.stats.verify import snapshot
from tests.channels.deliveries import NOW
from tests.intake.vendors.standin import StandIn, stand_in


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The address the documented deliveries are sent to; some vendors sign it."""
    return settings.model_copy(update={"public_url": "https://leads.example.com"})


@pytest.fixture(autouse=True)
def then(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the time of the documented deliveries."""
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
async def vendor(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """Somebody without an API key."""
    async with AsyncClient(transport=ASGITransport(app=app), base_url="https://leads.example.com") as client:
        yield client


@pytest.fixture(autouse=True)
async def nothing_is_amiss(engine: AsyncEngine) -> AsyncIterator[None]:
    """Whatever vendors did, `leads verify` finds nothing."""
    yield
    async with snapshot(engine) as connection:
        assert await all_faults(connection) == []


@pytest.fixture
async def api() -> AsyncIterator[StandIn]:
    async with stand_in() as api:
        yield api


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``pass_time(minutes=2)``: later, the clock says so."""
    gone = [timedelta()]

    def go(**lapse: float) -> None:
        gone[0] += timedelta(**lapse)
        monkeypatch.setattr(clock, "now", lambda: NOW + gone[0])

    return go
