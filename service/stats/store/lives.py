"""Journeys as columns, packed by PostgreSQL into one value: what the forecast learns from."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    Select,
    cast,
    extract,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.forecast import Lives
from service.stats.question import Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.milestones import whole_journeys
from service.stats.store.rows import read_rows

_TIMES: Final = ("started_at", "cleaned_at", "nurtured_at", "opportunity_at", "won_at", "churned_at")
_WIDTH: Final = len(_TIMES) + 2
_NEVER: Final = -(2**62)
_ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS: Final = 86_400e6
_TEN_THOUSANDTHS: Final = 10_000


async def read_lives(connection: AsyncConnection, question: Question) -> tuple[Lives, datetime]:
    """Return the journeys of a question as columns, and the instant from which their days count."""
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    packed = (await read_rows(connection, _lives(Shape.of(question)), given)).scalar_one()
    table = np.frombuffer(packed or b"", dtype=">i8").reshape(-1, _WIDTH)
    times = np.where(table[:, : len(_TIMES)] == _NEVER, np.nan, table[:, : len(_TIMES)] / _MICROSECONDS)
    amounts = np.where(table[:, -2] == _NEVER, np.nan, table[:, -2] / _TEN_THOUSANDTHS)
    codes, place = np.unique(table[:, -1], return_inverse=True)
    names = np.array([_currency(int(code)) for code in codes], dtype=np.str_)
    currency = names[place] if len(names) else np.empty(0, dtype=np.str_)
    return Lives(times[:, :4], times[:, 4], times[:, 5], amounts, currency), _ORIGIN


def _currency(code: int) -> str:
    return code.to_bytes(3, "big").decode("ascii") if code > 0 else ""


@lru_cache(maxsize=64)
def _lives(shape: Shape) -> Select[Any]:
    journey = whole_journeys(known=False)
    dimensions = Dimensions(shape, journey)
    parts = [_sent(extract("epoch", journey.c[name]) * 1_000_000) for name in _TIMES]
    parts.append(_sent(journey.c.amount * _TEN_THOUSANDTHS))
    letters = [func.ascii(func.substr(journey.c.currency, place, 1)) for place in (1, 2, 3)]
    parts.append(_sent(letters[0] * 65_536 + letters[1] * 256 + letters[2], missing=0))
    row = parts[0]
    for part in parts[1:]:
        row = row.op("||")(part)
    return (
        select(func.string_agg(row, literal_column("''::bytea", LargeBinary)))
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
    )


def _sent(number: ColumnElement[Any], *, missing: int = _NEVER) -> ColumnElement[Any]:
    return func.int8send(func.coalesce(cast(number, BigInteger), literal(missing, BigInteger)))
