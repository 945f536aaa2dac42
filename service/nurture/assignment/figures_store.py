"""The SQL of lists of assignments, and of what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.nurture.assignment.tables import assignments

_TABLE: Final = assignments.c
_VALUES: Final = {name: _TABLE[name] for name in ("owner", "team", "rule", "method", "status", "reason")}
_SECONDS: Final = func.extract("epoch", _TABLE.accepted_at - _TABLE.offered_at)


def _conditions(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    missing = filters.get("missing", ())
    found: list[ColumnElement[bool]] = [~_TABLE.test]
    for name, column in _VALUES.items():
        either = [column.in_(filters[name])] if filters.get(name) else []
        either += [column.is_(None)] if name in missing else []
        if either:
            found.append(or_(*either))
    if (accepted := filters.get("accepted")) is not None:
        found.append(_TABLE.accepted_at.is_not(None) if accepted else _TABLE.accepted_at.is_(None))
    if (since := filters.get("from_")) is not None:
        found.append(_TABLE.offered_at >= since)
    if (until := filters.get("to")) is not None:
        found.append(_TABLE.offered_at < until)
    return found


async def read_page(
    connection: AsyncConnection, filters: Mapping[str, Any], *, after: Sequence[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """Return up to ``limit`` assignments, the latest first, after a place in that order."""
    place = (_TABLE.offered_at, _TABLE.id)
    statement = select(assignments).where(*_conditions(filters)).limit(limit)
    statement = statement.order_by(*(column.desc() for column in place))
    return await fetch(connection, statement if after is None else statement.where(tuple_(*place) < tuple_(*after)))


async def count(connection: AsyncConnection, filters: Mapping[str, Any]) -> int:
    """Return how many assignments there are."""
    statement = select(func.count()).select_from(assignments).where(*_conditions(filters))
    return int((await connection.execute(statement)).scalar_one())


async def count_by(
    connection: AsyncConnection, filters: Mapping[str, Any], dimensions: Sequence[str]
) -> list[dict[str, Any]]:
    """Return how many assignments of each group were made, accepted and are or ended as what; and the median seconds to be accepted."""
    of = [_TABLE[name] for name in dimensions]
    median = func.percentile_cont(0.5).within_group(_SECONDS)
    was_offered = _TABLE.accepted_at > _TABLE.offered_at
    statement: Select[Any] = (
        select(
            *of,
            func.count().label("assigned"),
            func.count(_TABLE.accepted_at).label("accepted"),
            *(
                func.count().filter(_TABLE.status == status).label(f"is_{status}")
                for status in ("offered", "accepted", "rejected", "reclaimed", "released", "ended")
            ),
            func.count().filter(was_offered).label("timed"),
            median.filter(was_offered).label("median_seconds"),
        )
        .where(*_conditions(filters))
        .group_by(*of)
        .order_by(*of)
    )
    return await fetch(connection, statement)


async def count_reasons(
    connection: AsyncConnection, filters: Mapping[str, Any], dimensions: Sequence[str]
) -> list[dict[str, Any]]:
    """Return how often assignments of each group ended how, and why."""
    of = [*(_TABLE[name] for name in dimensions), _TABLE.status, _TABLE.reason]
    statement: Select[Any] = (
        select(*of, func.count().label("count"))
        .where(*_conditions(filters), _TABLE.ended_at.is_not(None))
        .group_by(*of)
        .order_by(*of)
    )
    return await fetch(connection, statement)
