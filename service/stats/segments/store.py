"""All SQL of segments."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.stats.question import JOURNEY_DIMENSIONS, Segment
from service.stats.segments.tables import segments
from service.stats.store.dimensions import Dimensions, FilterShape, Shape
from service.stats.store.ledger import attribute_definitions, journeys


async def list_segments(connection: AsyncConnection, *, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Return up to ``limit`` segments whose key comes after another one."""
    key = segments.c.key.collate("C")
    statement: Select[Any] = select(segments).order_by(key).limit(limit)
    return await fetch(connection, statement.where(key > after) if after is not None else statement)


async def read_segment(connection: AsyncConnection, key: str) -> dict[str, Any] | None:
    """Return a segment, or None."""
    rows = await fetch(connection, select(segments).where(segments.c.key == key))
    return rows[0] if rows else None


async def read_segments(connection: AsyncConnection, keys: Collection[str]) -> list[dict[str, Any]]:
    """Return the segments of these keys that exist."""
    return await fetch(connection, select(segments).where(segments.c.key.in_(keys)))


async def add_segment(connection: AsyncConnection, row: dict[str, Any]) -> bool:
    """Insert a segment; False if there is one of its key."""
    statement = insert(segments).values(row).on_conflict_do_nothing().returning(segments.c.key)
    return (await connection.execute(statement)).first() is not None


async def change_segment(connection: AsyncConnection, key: str, values: dict[str, Any]) -> dict[str, Any] | None:
    """Change columns of a segment and return it, or None if there is none."""
    rows = await fetch(connection, update(segments).where(segments.c.key == key).values(values).returning(*segments.c))
    return rows[0] if rows else None


async def delete_segment(connection: AsyncConnection, key: str) -> bool:
    """Delete a segment; False if there is none."""
    return bool((await connection.execute(delete(segments).where(segments.c.key == key))).rowcount)


async def read_types(connection: AsyncConnection, keys: list[str]) -> dict[str, tuple[str, list[str]]]:
    """Return the type and the choices of those custom attributes among ``keys`` that are defined."""
    definitions = attribute_definitions
    rows = await fetch(connection, select(definitions).where(definitions.c.key.in_(keys))) if keys else []
    return {row["key"]: (row["type"], row["choices"]) for row in rows}


def is_of(segment: Segment, lead: FromClause) -> ColumnElement[bool]:
    """Return whether a lead is of a segment: it itself as it is now, and where the segment is about journeys, one of its journeys."""
    shapes = tuple(FilterShape.of(chosen, is_segment=True) for chosen in segment.filters)
    shape = Shape(group_by=(), filters=shapes, unit="journey", windowed=False, known=False)
    wanted = [chosen.values for chosen in segment.filters]
    condition = and_(*Dimensions(shape, journeys, lead, wanted=wanted).conditions)
    if shape.dimensions & JOURNEY_DIMENSIONS:
        return exists().where(journeys.c.lead_id == lead.c.id, condition)
    return condition
