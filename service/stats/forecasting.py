"""The forecast put together: journeys as columns out of the database, the sums in a thread of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.answering import all_together, ungrouped
from service.stats.asking import question_of
from service.stats.definitions import OPEN
from service.stats.forecast import backtest, chance_table, expected, in_the_end, open_ones, usual_amounts
from service.stats.funnel import order_of
from service.stats.learning import NOBODY, OPEN_RUNGS, Lives, learn
from service.stats.question import Addresses, Key, Question, definition
from service.stats.schemas.forecast import ForecastQuery
from service.stats.side_by_side import side_by_side
from service.stats.store.counts import move_counts
from service.stats.store.lives import read_lives
from service.stats.store.packing import ORIGIN
from service.stats.wording import forecast_text

HORIZONS: Final = (30.0, 60.0, 90.0)
_MOST_GROUPS: Final = 200


async def forecast(connection: AsyncConnection, query: ForecastQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `ForecastOut`, what the open journeys may come to within 30, 60 and 90 days, and in the end."""
    for name in ("window", "known_at"):
        if getattr(query, name) is not None:
            raise Invalid(f"?{name}", "does not go with a forecast, which looks ahead from now")
    question = question_of(query, mode="cohort", now=now)
    read = partial(_read, connection)
    found = await read(question)
    if len(found) > _MOST_GROUPS:
        raise Invalid("?group_by", f"makes {len(found)} groups, and each learns by itself: no more than {_MOST_GROUPS}")
    whole = await all_together(question, found, read, _Known.together)

    def answer() -> dict[str, Any]:
        told = _told(ungrouped(question), (), whole, now)
        groups = [
            {"key": question.key_of(key), **(_told(question, key, found[key], now) if key else told)}
            for key in sorted(found, key=lambda key: (-len(found[key].lives.won), order_of(key)))
        ]
        return {"definition": definition(question, forecast_text(question)), "groups": groups, **told}

    return await asyncio.to_thread(answer)


class _Known(NamedTuple):
    """The journeys of a group, and how often they moved from one stage to another."""

    lives: Lives
    moves: Counter[tuple[str, str]]

    @classmethod
    def together(cls, parts: Collection[_Known]) -> _Known:
        """Return several groups as one."""
        moves: Counter[tuple[str, str]] = Counter()
        for part in parts:
            moves.update(part.moves)
        return cls(Lives.together([part.lives for part in parts]), moves)


async def _read(connection: AsyncConnection, question: Question) -> dict[Key, _Known]:
    lives = await read_lives(connection, question)
    known: dict[Key, _Known] = {key: _Known(some, Counter()) for key, some in lives.items()}
    bounds = (question.low, question.high)
    for count in await move_counts(connection, replace(question, mode="period"), bounds, since=bounds[0]):
        if count.from_stage is not None:
            # Of a group may only those have moved who started before the interval.
            group = known.setdefault(count.key, _Known(NOBODY, Counter()))
            group.moves[count.from_stage, count.to_stage] += count.moved_out
    return known


def _told(question: Question, key: Key, known: _Known, now: datetime) -> dict[str, Any]:
    """Return what is foreseen of a group, in the form of `ForecastFiguresOut`."""
    lives, today = known.lives, (now - ORIGIN).total_seconds() / 86_400
    ahead, *behind = side_by_side(
        [partial(_ahead, lives, today), *(partial(backtest, lives, today, horizon) for horizon in HORIZONS)]
    )
    addresses = Addresses.of(question, key, behind="funnel").between(question.start, question.end)
    leads = {stage: addresses.at(stage, OPEN) for stage in OPEN_RUNGS}
    return {**ahead, "in_the_end": in_the_end(known.moves), "backtest": behind, "leads": leads}


def _ahead(lives: Lives, today: float) -> dict[str, Any]:
    model, opened, usual = learn(lives, today, HORIZONS), open_ones(lives, today), usual_amounts(lives)
    return {
        "open": sum(worth.journeys for worth in opened.values()),
        "expected": [expected(model, opened, horizon, usual) for horizon in HORIZONS],
        "by_stage_and_age": chance_table(model, opened, HORIZONS),
    }
