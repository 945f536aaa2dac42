"""Journeys as columns, packed by PostgreSQL into one value: what the forecast learns from."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
from sqlalchemy import BigInteger, Float, LargeBinary, Select, case, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.forecast import Lives
from service.stats.question import Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.milestones import whole_journeys
from service.stats.store.packing import MICROSECONDS_A_DAY, NEVER, ORIGIN, joined_up, sent, unpacked
from service.stats.store.rows import read_rows

_TIMES: Final = ("started_at", "cleaned_at", "nurtured_at", "opportunity_at", "won_at", "churned_at")
_WIDTH: Final = len(_TIMES) + 2
_NO_AMOUNT: Final = literal_column("'NaN'::float8", Float)


async def read_lives(connection: AsyncConnection, question: Question) -> tuple[Lives, datetime]:
    """Return the journeys of a question as columns, and the instant from which their days count."""
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    value = (await read_rows(connection, _lives(Shape.of(question)), given)).scalar_one()
    table = unpacked(value, _WIDTH)
    times = np.where(table[:, : len(_TIMES)] == NEVER, np.nan, table[:, : len(_TIMES)] / MICROSECONDS_A_DAY)
    amounts = np.ascontiguousarray(table[:, -2]).view(np.float64)
    codes, place = np.unique(table[:, -1], return_inverse=True)
    names = np.array([_currency(int(code)) for code in codes], dtype=np.str_)
    currency = names[place] if len(names) else np.empty(0, dtype=np.str_)
    return Lives(times[:, :4], times[:, 4], times[:, 5], amounts, currency), ORIGIN


def _currency(code: int) -> str:
    return code.to_bytes(3, "big").decode("ascii") if code > 0 else ""


@lru_cache(maxsize=64)
def _lives(shape: Shape) -> Select[Any]:
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    parts = [sent(journey.c[name]) for name in _TIMES]
    parts.append(func.float8send(func.coalesce(cast(journey.c.amount, Float(53)), _NO_AMOUNT), type_=LargeBinary))
    letters = [func.ascii(func.substr(journey.c.currency, place, 1)) for place in (1, 2, 3)]
    code = case((journey.c.currency.is_(None), 0), else_=letters[0] * 65_536 + letters[1] * 256 + letters[2])
    parts.append(func.int8send(cast(code, BigInteger), type_=LargeBinary))
    return (
        select(joined_up(*parts))
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
    )
