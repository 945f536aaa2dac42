"""Statements that rest: PostgreSQL sleeps for a moment after every few hundred rows that it reads for them.

Whoever computes keeps the processor until its turn ends, and whoever wakes up for a delivery waits for that: four milliseconds where a
delivery takes one. A connection that sleeps often is never far from the end of its turn. It sleeps where it holds nothing that others wait
for: between two rows of a table.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Boolean, CompoundSelect, Select, TableClause, TextClause, literal_column, select
from sqlalchemy.sql.expression import ColumnClause
from sqlalchemy.sql.visitors import replacement_traverse

from service.stats.store.ledger import journeys, leads, touchpoints, transitions

Statement = TypeVar("Statement", Select[Any], CompoundSelect[Any], TextClause)

_LARGE: Final = (journeys, leads, transitions, touchpoints)
# PostgreSQL sleeps for whole milliseconds until the time is over: asked for a whole one, it often sleeps for two.
_RESTED: Final = literal_column("CASE WHEN random() < 0.003 THEN pg_sleep(0.0005) IS NOT NULL ELSE true END", Boolean)


@lru_cache(maxsize=256)
def resting(statement: Statement) -> Statement:
    """Return the same statement, which finds the same, over tables that are read with rests: after some 300 rows each, in the mean."""
    rested = {table: select(table).where(_RESTED).subquery(table.name) for table in _LARGE}

    def replaced(element: Any, **_: Any) -> Any:
        if isinstance(element, TableClause):
            return rested.get(element)
        if isinstance(element, ColumnClause) and element.table in rested:
            return rested[element.table].c[element.key]
        return None

    return cast("Statement", replacement_traverse(statement, {}, replaced))
