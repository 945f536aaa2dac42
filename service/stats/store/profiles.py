"""Journeys and wins by each value of many dimensions, in one pass over the journeys."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Select, SmallInteger, any_, bindparam, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.http.queries import ATTRIBUTES
from service.stats.definitions import REACHED, cells_in
from service.stats.funnel import LAST
from service.stats.profile import Held, Share
from service.stats.question import Dimension, Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.ledger import attribute_definitions
from service.stats.store.rows import read_rows

_TELLING: Final = ("choice", "boolean")
_TOGETHER: Final = 6


async def read_telling_attributes(connection: AsyncConnection) -> list[Dimension]:
    """Return the custom attributes whose values are few: those that are defined as a choice or as a boolean."""
    key = attribute_definitions.c.key
    statement = select(key).where(attribute_definitions.c.type.in_(_TELLING)).order_by(key.collate("C"))
    return [ATTRIBUTES + name for name in (await connection.execute(statement)).scalars()]


async def read_held(connection: AsyncConnection, question: Question) -> list[Held]:
    """Return the journeys and wins of every value of each of the dimensions that the question groups by, each dimension by itself."""
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    given["won"] = sorted(cells_in(LAST, REACHED, question.skips))
    rows = (await read_rows(connection, _values(Shape.of(question)), given)).all()
    # GROUPING has a bit for each dimension, the last one lowest: only that of the row's own dimension is not set.
    last = len(question.group_by) - 1
    place_of = {(2 << last) - 1 - (1 << last - place): place for place in range(last + 1)}
    return [
        Held(question.group_by[place], row[place], Share(row[-2], row[-1]))
        for row in rows
        for place in [place_of[row[-3]]]
    ]


@lru_cache(maxsize=128)
def _values(shape: Shape) -> Select[Any]:
    journey = sources.counted_journeys(windowed=shape.windowed, known=shape.known)
    dimensions = Dimensions(shape, journey)
    is_won = journey.c.cell == any_(bindparam("won", type_=ARRAY(SmallInteger)))
    each = select(*dimensions.keys, is_won.label("is_won"))
    by = [*dimensions.keys, is_won]
    # Several processes of PostgreSQL can count by all of few dimensions at once, but not by each of them. By all of many there would be
    # as many groups as there are journeys.
    together = len(dimensions.keys) <= _TOGETHER
    counted = each.add_columns(func.count().label("journeys")).group_by(*by) if together else each
    held = (
        counted.select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .subquery("held")
    )
    keys = [held.c[key.name] for key in dimensions.keys]
    whole = func.sum(held.c.journeys) if together else func.count()
    totals = (cast(func.coalesce(one, 0), BigInteger) for one in (whole, whole.filter(held.c.is_won)))
    return select(*keys, func.grouping(*keys), *totals).group_by(func.grouping_sets(*map(tuple_, keys)))
