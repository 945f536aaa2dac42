"""The forecast put together: journeys as columns out of the database, the sums in a thread of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.asking import question_of
from service.stats.definitions import OPEN
from service.stats.forecast import backtest, chance_table, expected, in_the_end, open_ones, usual_amounts
from service.stats.learning import OPEN_RUNGS, Lives, learn
from service.stats.question import Addresses, definition
from service.stats.schemas.forecast import ForecastQuery
from service.stats.side_by_side import side_by_side
from service.stats.store.counts import move_counts
from service.stats.store.lives import read_lives
from service.stats.wording import forecast_text

HORIZONS: Final = (30.0, 60.0, 90.0)


async def forecast(connection: AsyncConnection, query: ForecastQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `ForecastOut`, what the open journeys may come to within 30, 60 and 90 days, and in the end."""
    for name in ("window", "known_at"):
        if getattr(query, name) is not None:
            raise Invalid(f"?{name}", "does not go with a forecast, which looks ahead from now")
    question = question_of(query, mode="cohort", now=now)
    lives, origin = await read_lives(connection, question)
    moves: Counter[tuple[str, str]] = Counter()
    bounds = (question.low, question.high)
    for count in await move_counts(connection, replace(question, mode="period"), bounds, since=bounds[0]):
        if count.from_stage is not None:
            moves[count.from_stage, count.to_stage] += count.moved_out
    today = (now - origin).total_seconds() / 86_400
    figures = await asyncio.to_thread(_figures, lives, today, moves)
    addresses = Addresses.of(question, (), behind="funnel").between(question.start, question.end)
    return {
        "definition": definition(question, forecast_text(question)),
        **figures,
        "leads": {stage: addresses.at(stage, OPEN) for stage in OPEN_RUNGS},
    }


def _figures(lives: Lives, today: float, moves: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    ahead, *behind = side_by_side(
        [partial(_ahead, lives, today), *(partial(backtest, lives, today, horizon) for horizon in HORIZONS)]
    )
    return {**ahead, "in_the_end": in_the_end(moves), "backtest": behind}


def _ahead(lives: Lives, today: float) -> dict[str, Any]:
    model, opened, usual = learn(lives, today, HORIZONS), open_ones(lives, today), usual_amounts(lives)
    return {
        "open": sum(worth.journeys for worth in opened.values()),
        "expected": [expected(model, opened, horizon, usual) for horizon in HORIZONS],
        "by_stage_and_age": chance_table(model, opened, HORIZONS),
    }
