"""The SQL of the pool: leads that nobody has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.leads.search_store import conditions
from service.leads.tables import leads
from service.nurture.assignment.tables import assignments

_ORDER: Final[Mapping[str, tuple[ColumnElement[Any], ...]]] = {
    "oldest": (leads.c.stage_entered_at.asc(), leads.c.id.asc()),
    "best": (leads.c.score.desc(), leads.c.stage_entered_at.asc(), leads.c.id.asc()),
}


async def read_page(
    connection: AsyncConnection, filters: Mapping[str, Any], *, sort: str, after: Sequence[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """Return up to ``limit`` leads of the pool after a place in its order."""
    statement = select(leads).where(*_pooled(filters)).order_by(*_ORDER[sort]).limit(limit)
    if after is not None:
        statement = statement.where(_behind(sort, after))
    return await fetch(connection, statement)


async def count(connection: AsyncConnection, filters: Mapping[str, Any]) -> int:
    """Return how many leads the pool has."""
    return int(
        (await connection.execute(select(func.count()).select_from(leads).where(*_pooled(filters)))).scalar_one()
    )


async def take_next(connection: AsyncConnection, filters: Mapping[str, Any], *, owner: str, sort: str) -> UUID | None:
    """Lock the first lead of the pool that nobody else is at, and that this owner has not declined before; None if there is none."""
    statement: Select[Any] = (
        select(leads.c.id)
        .where(*_pooled(filters), ~_declined(owner))
        .order_by(*_ORDER[sort])
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found: UUID | None = (await connection.execute(statement)).scalar_one_or_none()
    return found


def _pooled(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [*conditions(filters), leads.c.owner.is_(None), ~leads.c.test]


def _declined(owner: str) -> ColumnElement[bool]:
    return exists().where(
        assignments.c.lead_id == leads.c.id,
        assignments.c.owner == owner,
        or_(
            and_(assignments.c.status == "rejected", assignments.c.journey == leads.c.journey),
            and_(assignments.c.status == "reclaimed", assignments.c.ended_at >= leads.c.stage_entered_at),
        ),
    )


def _behind(sort: str, after: Sequence[Any]) -> ColumnElement[bool]:
    if sort == "oldest":
        return tuple_(leads.c.stage_entered_at, leads.c.id) > tuple_(*after)
    score, since, lead_id = after
    return or_(
        leads.c.score < score,
        and_(leads.c.score == score, tuple_(leads.c.stage_entered_at, leads.c.id) > tuple_(since, lead_id)),
    )
