"""Many rows at once: COPY, which takes them in half the time that a statement with JSON needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps
from service.outbound.store import POSITION

Rows = Sequence[Mapping[str, Any]]

_READ_POSITION: Final = text(f"SELECT {POSITION}")
_TIMEOUT_SECONDS: Final = 300.0


async def copy_rows(connection: AsyncConnection, table: Table, rows: Rows, **same: Any) -> None:
    """Copy rows into a table, in the connection's transaction, which must have begun; ``same`` has one value in all of them."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    names = [column.name for column in table.columns if column.name not in same]
    documents = [names.index(column.name) for column in table.columns if isinstance(column.type, JSONB)]
    await driver.copy_records_to_table(
        table.name,
        records=map(_record(names, documents, list(same.values())), rows),
        columns=[*names, *same],
        timeout=_TIMEOUT_SECONDS,
    )


def _record(
    names: Sequence[str], documents: Sequence[int], same: Sequence[Any]
) -> Callable[[Mapping[str, Any]], list[Any]]:
    all_of = itemgetter(*names)

    def record(row: Mapping[str, Any]) -> list[Any]:
        try:
            values = list(all_of(row))
        except KeyError:
            # What a row does not say is NULL, as it is for a statement with JSON.
            values = [row.get(name) for name in names]
        for place in documents:
            value = values[place]
            values[place] = None if value is None else dumps(value) if value else _EMPTY[type(value)]
        values += same
        return values

    return record


_EMPTY: Final[Mapping[type, str]] = {dict: "{}", list: "[]"}


async def read_position(connection: AsyncConnection) -> int:
    """Return the position of the events that this transaction writes next; their leads must be locked already."""
    position: int = (await connection.execute(_READ_POSITION)).scalar_one()
    return position
