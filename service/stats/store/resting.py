"""Statements that rest: PostgreSQL sleeps for a moment after every few hundred rows that it reads for them.

Whoever computes keeps the processor until its turn ends, and whoever wakes up for a delivery waits for that: four milliseconds where a
delivery takes one. A connection that sleeps often is never far from the end of its turn. It sleeps where it holds nothing that others wait
for: between two rows of a table.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar
from typing import cast as typed

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Float,
    Join,
    ScalarSelect,
    Select,
    TableClause,
    Text,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.sql.expression import ColumnClause
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from service.stats.store.ledger import journeys, leads, touchpoints, transitions

Statement = TypeVar("Statement", Select[Any], CompoundSelect[Any])

_LARGE: Final = (journeys, leads, transitions, touchpoints)
# For a row in so many; but in all so many times at most, or else those that read tens of millions would not be over when they have to be.
_SHARE: Final = 0.003
_MOST_RESTS: Final = 12_000
# PostgreSQL sleeps for whole milliseconds until the time is over: asked for a whole one, it often sleeps for two.
_SECONDS: Final = literal_column("0.0005", Float)

_estimates: Final = table("pg_class", column("oid", REGCLASS), column("reltuples", Float))


def places_in(statement: Select[Any] | CompoundSelect[Any]) -> int:
    """Return in how many places a statement reads large tables."""
    # Walking through a statement, one comes to the same part several times.
    parts = {id(element): element for element in iterate(statement) if isinstance(element, Select)}
    sources = [source for part in parts.values() for source in part.get_final_froms()]
    places = 0
    while sources:
        source = sources.pop()
        if isinstance(source, Join):
            sources += [source.left, source.right]
        places += source in _LARGE
    return places


def share_of(large: TableClause, places: int) -> ScalarSelect[float]:
    """Return the share of a table's rows after which to rest, in a statement that reads large tables in so many places."""
    rows = func.greatest(_estimates.c.reltuples, literal_column("1", Float), type_=Float)
    name = literal_column(f"'{large.name}'", Text)
    share, most = (literal_column(str(number), Float) for number in (_SHARE, _MOST_RESTS / places))
    return select(func.least(share, most / rows)).where(_estimates.c.oid == cast(name, REGCLASS)).scalar_subquery()


def _rested(large: TableClause, places: int) -> ColumnElement[bool]:
    """Return a condition on a table that is true for every row, and for some only after a moment."""
    return case((func.random() < share_of(large, places), func.pg_sleep(_SECONDS).is_not(None)), else_=true())


@lru_cache(maxsize=256)
def resting(statement: Statement) -> Statement:
    """Return the same statement, which finds the same, over tables that are read with rests: after some 300 rows each, or more if there are very
    many.
    """
    places = max(1, places_in(statement))
    rested = {large: select(large).where(_rested(large, places)).subquery(large.name) for large in _LARGE}

    def replaced(element: Any, **_: Any) -> Any:
        if isinstance(element, TableClause):
            return rested.get(element)
        if isinstance(element, ColumnClause) and element.table in rested:
            return rested[element.table].c[element.key]
        return None

    return typed("Statement", replacement_traverse(statement, {}, replaced))
