"""Journeys as columns, packed by PostgreSQL into one value: what the forecast learns from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from sqlalchemy import Float, LargeBinary, Select, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.learning import NOBODY, Lives
from service.stats.question import Key, Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.milestones import whole_journeys
from service.stats.store.packing import (
    MICROSECONDS_A_DAY,
    joined_columns,
    joined_up,
    packed_columns,
    pattern_of,
    unpacked_columns,
)
from service.stats.store.rows import read_rows

_TIMES: Final = ("started_at", "cleaned_at", "nurtured_at", "opportunity_at", "won_at", "churned_at")
_NO_AMOUNT: Final = literal_column("'NaN'::float8", Float)


async def read_lives(connection: AsyncConnection, question: Question) -> dict[Key, Lives]:
    """Return the journeys of a question as columns, by group, their days counted from `ORIGIN`; the only group is there even if it has none."""
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    width = len(question.group_by)
    groups: dict[Key, list[tuple[Any, ...]]] = {} if width else {(): []}
    for row in (await read_rows(connection, _lives(Shape.of(question)), given)).all():
        groups.setdefault(tuple(row[:width]), []).append(tuple(row[width:]))
    return await asyncio.to_thread(lambda: {key: _columns(rows) for key, rows in groups.items()})


def _columns(rows: Sequence[tuple[Any, ...]]) -> Lives:
    if not rows:
        return NOBODY
    days = [
        [None if some is None else some / MICROSECONDS_A_DAY for some in unpacked_columns(times)]
        for _, _, *times in rows
    ]
    columns = joined_columns(days, np.nan)
    found = [np.frombuffer(packed, dtype=">f8") for _, packed, *_ in rows]
    amounts = np.concatenate(found)
    currency = np.repeat([row[0] or "" for row in rows], list(map(len, found))).astype(np.str_)
    return Lives(np.stack(columns[:4]).T, columns[4], columns[5], amounts, currency)


@lru_cache(maxsize=64)
def _lives(shape: Shape) -> Select[Any]:
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    amount = func.float8send(func.coalesce(cast(journey.c.amount, Float(53)), _NO_AMOUNT), type_=LargeBinary)
    times = [journey.c[name] for name in _TIMES]
    # All of one currency are packed together: then it need not go along with each.
    return (
        select(*dimensions.keys, journey.c.currency, joined_up(amount), *packed_columns(*times))
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(*dimensions.keys, journey.c.currency, *pattern_of(*times[1:]))
    )
