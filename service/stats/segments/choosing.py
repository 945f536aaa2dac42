"""What judges leads one by one: by a segment's key, by filters, or by both. For rooms that are told of leads and ask no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.segments import store
from service.stats.segments.checking import attributes_in, segment_of, stored_filters
from service.stats.segments.matching import belongs
from service.stats.segments.operations import find_segment


async def choose(
    connection: AsyncConnection, segment: str | None, filters: Mapping[str, Any] | None
) -> Callable[[Mapping[str, Any]], bool]:
    """Return what says whether a lead, as events show it, is of a segment and meets filters; raises `Invalid` for what cannot be."""
    chosen = [await find_segment(connection, segment)] if segment is not None else []
    if filters:
        kept = stored_filters(filters, await store.read_types(connection, attributes_in(filters)))
        chosen.append(segment_of("", kept))
    return lambda lead: all(belongs(one, lead) for one in chosen)
