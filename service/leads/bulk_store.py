"""Many rows at once: COPY, which takes them in half the time that a statement with JSON needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import JSON, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps
from service.outbound.store import POSITION

Rows = Sequence[Mapping[str, Any]]
Records = Sequence[Sequence[Any]]

_READ_POSITION: Final = text(f"SELECT {POSITION}")
_TIMEOUT_SECONDS: Final = 300.0


async def copy_rows(connection: AsyncConnection, table: Table, rows: Rows, ready: Records = (), **same: Any) -> None:
    """Copy rows into a table, in the connection's transaction, which must have begun; ``same`` has one value in all of them.

    ``ready`` are rows with a value for every other column, in their order, and with JSON as text.
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    names, records = _records(
        [column.name for column in table.columns if column.name not in same], rows, every=bool(ready)
    )
    documents = [names.index(one.name) for one in table.columns if isinstance(one.type, JSON) and one.name in names]
    for values in records:
        for place in documents:
            value = values[place]
            values[place] = None if value is None else dumps(value) if value else _EMPTY[type(value)]
        values.extend(same.values())
    every = chain(records, ((*values, *same.values()) for values in ready) if same else ready)
    await driver.copy_records_to_table(table.name, records=every, columns=[*names, *same], timeout=_TIMEOUT_SECONDS)


def _records(names: list[str], rows: Rows, *, every: bool) -> tuple[list[str], list[list[Any]]]:
    """Return rows as values, and of which columns; what no row says is left out unless ``every``, and what a row does not say is NULL."""
    if not every and len(set(map(len, rows))) == 1:
        said = [name for name in names if name in rows[0]]
        with suppress(KeyError):
            return said, list(map(list, map(itemgetter(*said), rows)))
    return names, [[row.get(name) for name in names] for row in rows]


_EMPTY: Final[Mapping[type, str]] = {dict: "{}", list: "[]"}


async def read_position(connection: AsyncConnection) -> int:
    """Return the position of the events that this transaction writes next; their leads must be locked already."""
    position: int = (await connection.execute(_READ_POSITION)).scalar_one()
    return position
