"""The funnel over a world of random lives, against a plain recount."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from service.core.database import transaction
from service.stats import operations
from service.stats.schemas import FunnelQuery
from sqlalchemy.ext.asyncio import AsyncEngine


async def test_it_works(engine: AsyncEngine, populate) -> None:
    world = await populate(1, 300)
    async with transaction(engine) as connection:
        from datetime import datetime, UTC

        answer = await operations.funnel(
            connection, FunnelQuery(group_by=["channel"]), now=datetime(2026, 11, 21, 12, tzinfo=UTC)
        )
        print(answer.model_dump_json(by_alias=True, indent=1))
        answer = await operations.funnel(
            connection,
            FunnelQuery(mode="period", from_="2025-01-01", group_by=["channel"]),
            now=datetime(2026, 11, 21, 12, tzinfo=UTC),
        )
        print(answer.model_dump_json(by_alias=True, indent=1)[:3000])
