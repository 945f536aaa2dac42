"""Exporting: one snapshot, read through a cursor and written as it is read, so that a million leads need no more memory than a hundred."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock
from service.core.errors import Unavailable
from service.core.http.unit import connect
from service.leads.attributes.checking import known
from service.leads.exports import store
from service.leads.exports.columns import Kind, columns_of
from service.leads.exports.formats import Format, writer_of
from service.leads.listing import LeadFilters, filters_of
from service.leads.present import journey_out, lead_out, transition_out

# Each holds a connection and keeps a snapshot for as long as its reader takes.
MOST_AT_ONCE: Final = 4

_under_way: WeakKeyDictionary[AsyncEngine, int] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Order:
    """What to export: the kind, of which leads, in which format; ``superseded`` with the transitions that corrections replaced."""

    kind: Kind
    format: Format
    leads: LeadFilters
    superseded: bool = False


async def export(
    engine: AsyncEngine, order: Order, *, progress: Callable[[int], None] = lambda _: None
) -> AsyncIterator[bytes]:
    """Yield the bytes of an export; ``progress`` is told how many rows there were after each part.

    Raises `Invalid` for a wrong filter and `Unavailable` while too many exports are under way, both before the first byte.
    """
    show, count = _SHOWN[order.kind], 0
    async with _place(engine), _snapshot(engine) as connection:
        filters = await filters_of(connection, order.leads, now=clock.now())
        systems = await store.read_systems(connection) if order.kind == "leads" else []
        writer = writer_of(order.format, columns_of(order.kind, await known(connection), systems))
        beginning = writer.begin()
        async for rows in store.read_rows(connection, order.kind, filters, superseded=order.superseded):
            if part := beginning + writer.rows([show(row) for row in rows]):
                yield part
            beginning = b""
            count += len(rows)
            progress(count)
        yield beginning + writer.end()


@asynccontextmanager
async def _place(engine: AsyncEngine) -> AsyncIterator[None]:
    if _under_way.get(engine, 0) >= MOST_AT_ONCE:
        raise Unavailable(f"{MOST_AT_ONCE} exports are under way; try again when one of them is done")
    _under_way[engine] = _under_way.get(engine, 0) + 1
    try:
        yield
    finally:
        _under_way[engine] -= 1


@asynccontextmanager
async def _snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    connection = await connect(engine)
    try:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        await store.be_patient(connection)
        yield connection
    finally:
        await connection.close()


def _journey_of_lead(row: Mapping[str, Any]) -> dict[str, Any]:
    # Those of test leads are not counted in the statistics: whoever counts for themselves must be able to tell.
    return {"lead_id": row["lead_id"], **journey_out(row), "counted": row["counted"]}


_SHOWN: Final[Mapping[Kind, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "leads": lead_out,
    "transitions": transition_out,
    "journeys": _journey_of_lead,
}
