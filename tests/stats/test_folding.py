"""Folding goes on, however much there is to fold and however slow the database is."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import transaction
from service.stats import fold as folding


async def _left(engine: AsyncEngine) -> int:
    async with transaction(engine) as connection:
        return int((await connection.execute(text("SELECT count(*) FROM cohort_deltas"))).scalar_one())


async def test_a_batch_that_takes_too_long_is_halved_until_it_does_not(
    engine: AsyncEngine, populate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await populate(2, 200)
    monkeypatch.setattr(folding, "FULL_BATCH", 400)
    monkeypatch.setattr(folding, "_SMALLEST_BATCH", 10)
    whole, tried = folding.fold, []

    async def slow(connection: AsyncConnection, limit: int) -> int:
        tried.append(limit)
        if limit > 150:
            raise TimeoutError
        return await whole(connection, limit)

    monkeypatch.setattr(folding, "fold", slow)
    folder = folding.Folder(engine)
    assert await _left(engine) > 150
    while await _left(engine):
        folder._rests_until = 0.0
        try:
            await folder.run()
        except TimeoutError:
            continue
    # What went well is tried with twice as many the next time.
    assert tried[:5] == [400, 200, 100, 200, 100]


async def test_who_has_more_to_fold_does_not_rest(
    engine: AsyncEngine, populate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await populate(2, 200)
    monkeypatch.setattr(folding, "FULL_BATCH", 50)
    folder = folding.Folder(engine)
    rounds = 0
    while await folder.run():
        rounds += 1
    assert rounds > 3
    assert await _left(engine) == 0
