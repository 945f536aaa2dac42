"""Segments kept, and found again where a question names one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict, Invalid, NotFound
from service.core.http.queries import ATTRIBUTES
from service.stats.asking import DIMENSIONS
from service.stats.question import Segment
from service.stats.schemas.scope import ScopeQuery
from service.stats.segments import store
from service.stats.segments.checking import asked_filters, attributes_in, segment_of, stored_filters
from service.stats.segments.schemas import SegmentCreate, SegmentPatch

Query = TypeVar("Query", bound=ScopeQuery)


class SegmentNotFound(NotFound):
    """No segment has this key."""

    code = "segment_not_found"


async def list_segments(connection: AsyncConnection, *, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Return segments by key."""
    return [segment_out(row) for row in await store.list_segments(connection, after=after, limit=limit)]


async def read_segment(connection: AsyncConnection, key: str) -> dict[str, Any]:
    """Return a segment; raises `SegmentNotFound`."""
    return segment_out(_found(await store.read_segment(connection, key), key))


async def create(connection: AsyncConnection, body: SegmentCreate, *, now: datetime) -> dict[str, Any]:
    """Keep a filter by its name; raises `Conflict` if there is one of that name, and `Invalid` for what cannot be filtered by."""
    filters = await check_filters(connection, body.filters)
    row = {"key": body.key, "label": body.label, "filters": filters, "created_at": now, "updated_at": now}
    if not await store.add_segment(connection, row):
        raise Conflict(f"there is a segment {body.key!r} already", code="segment_exists")
    return segment_out(row)


async def amend(connection: AsyncConnection, key: str, body: SegmentPatch, *, now: datetime) -> dict[str, Any]:
    """Change a segment; every address that names it means the new filters from now on."""
    values = body.model_dump(exclude_unset=True)
    if "filters" in values:
        if body.filters is None:
            raise Invalid("/filters", "must not be null: a segment is its filters")
        values["filters"] = await check_filters(connection, body.filters)
    if not values:
        return await read_segment(connection, key)
    return segment_out(_found(await store.change_segment(connection, key, values | {"updated_at": now}), key))


async def drop(connection: AsyncConnection, key: str) -> None:
    """Delete a segment; addresses that name it are refused from now on."""
    if not await store.delete_segment(connection, key):
        raise _unknown(key)


async def resolved(connection: AsyncConnection, query: Query) -> Query:
    """Return a question's parameters with the segment that they name, if any, and the values of attributes as statistics show them.

    Raises `Invalid` if there is no segment of that key, and for a value that no lead can have.
    """
    given: dict[str, list[str]] = {name: values for name in DIMENSIONS if (values := getattr(query, name))}
    given |= {ATTRIBUTES + key: values for key, values in query.attributes.items()}
    if given:
        types = await store.read_types(connection, keys) if (keys := attributes_in(given)) else {}
        query = query.model_copy(update=asked_filters(given, types))
    return query.within(await find_segment(connection, query.segment)) if query.segment is not None else query


async def find_segment(connection: AsyncConnection, key: str) -> Segment:
    """Return the segment that ``?segment`` names; raises `Invalid`."""
    row = await store.read_segment(connection, key) if "\0" not in key else None
    if row is None:
        raise Invalid("?segment", f"there is no segment {key!r}")
    return segment_of(key, row["filters"])


async def find_segments(connection: AsyncConnection, keys: Collection[str]) -> dict[str, Segment]:
    """Return segments by their keys; those that do not exist are left out."""
    rows = await store.read_segments(connection, keys) if keys else []
    return {row["key"]: segment_of(row["key"], row["filters"]) for row in rows}


async def check_filters(connection: AsyncConnection, filters: Mapping[str, Any]) -> dict[str, list[str | None]]:
    """Return filters as they are kept; raises `Invalid` for those that nothing can be filtered by."""
    return stored_filters(filters, await store.read_types(connection, attributes_in(filters)))


def _found(row: dict[str, Any] | None, key: str) -> dict[str, Any]:
    if row is None:
        raise _unknown(key)
    return row


def _unknown(key: str) -> SegmentNotFound:
    return SegmentNotFound(f"there is no segment {key!r}")


def segment_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a segment as the API shows it."""
    shown = {name: row[name] for name in ("key", "label", "filters", "created_at", "updated_at")}
    return shown | {"leads": f"/v1/leads?segment={row['key']}"}
