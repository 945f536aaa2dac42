"""What is encoded here is what PostgreSQL reads: every type, up to its bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Numeric, SmallInteger, Table, Text, insert, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB
from sqlalchemy.dialects.postgresql import UUID as SQL_UUID
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.tables import Instant
from service.leads import wire
from service.leads.bulk_store import copy_rows

TABLE = Table(
    "wired",
    MetaData(),
    Column("number", Integer),
    Column("words", Text),
    Column("id", SQL_UUID),
    Column("at", Instant),
    Column("small", SmallInteger),
    Column("big", BigInteger),
    Column("truth", Boolean),
    Column("document", JSONB),
    Column("told", JSON),
    Column("tags", ARRAY(Text)),
    Column("amount", Numeric),
    Column("same", BigInteger),
    prefixes=["TEMPORARY"],
)
WEST = timezone(timedelta(hours=-9, minutes=-30))
ROWS: list[tuple[Any, ...]] = [
    (1, "", UUID(int=0), datetime(2000, 1, 1, tzinfo=UTC), 0, 0, False, "{}", "{}", [], None),
    (
        -(2**31),
        'a\t\\N"\n王\U0001f600',
        UUID(int=2**128 - 1),
        datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=WEST),
        -(2**15),
        -(2**63),
        True,
        '{"a": [1, null, "\u00e9"]}',
        '{"b":  1}',
        ["", "a,{}\\", "王"],
        None,
    ),
    # A microsecond later the driver would say that it is for ever.
    (
        2**31 - 1,
        "x" * 70_000,
        UUID(int=7),
        datetime(9999, 12, 31, 23, 59, 59, 999_998, UTC),
        2**15 - 1,
        2**63 - 1,
        *(None,) * 5,
    ),
    (None,) * 11,
]


def _wired(row: tuple[Any, ...]) -> bytes:
    fields = [wire.encoder(column.type)(value) for column, value in zip(TABLE.columns, row, strict=False)]
    return b"".join((wire.count(len(TABLE.columns)), *fields))


async def _shown(connection: AsyncConnection) -> list[str]:
    rows = await connection.execute(text("SELECT to_json(wired)::text FROM wired ORDER BY number NULLS LAST, small"))
    return list(rows.scalars())


async def test_rows_arrive_as_if_the_driver_had_sent_them(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(TABLE.create)
        await copy_rows(connection, TABLE, (), [_wired(row) for row in ROWS], same=3)
        copied = await _shown(connection)
        await connection.execute(text("TRUNCATE wired"))
        for row in ROWS:
            given: dict[str, Any] = dict(zip(TABLE.columns.keys(), (*row, 3), strict=True))
            documents = {
                name: text(f"CAST(:{name} AS {kind})") for name, kind in (("document", "jsonb"), ("told", "json"))
            }
            told = {name: given.pop(name) for name in documents}
            await connection.execute(insert(TABLE).values(**given, **documents), told)
        assert copied == await _shown(connection)
        await connection.rollback()


async def test_what_cannot_be_stored_undoes_the_copy_and_leaves_the_connection(engine: AsyncEngine) -> None:
    many = [_wired((number, "x", *(None,) * 9)) for number in range(1_000)]
    async with engine.connect() as connection:
        await connection.run_sync(TABLE.create)
        await connection.commit()
        with pytest.raises(Exception, match="invalid byte sequence"):
            await copy_rows(connection, TABLE, (), [*many, _wired((1, "\0", *(None,) * 9))], same=3)
        await connection.rollback()
        assert await _shown(connection) == []
        await copy_rows(connection, TABLE, (), many, same=3)
        assert len(await _shown(connection)) == len(many)
        await connection.run_sync(TABLE.drop)
        await connection.commit()


@pytest.mark.parametrize(("kind", "value"), [(Numeric(), 1), (ARRAY(Integer), []), (Boolean(), "false")])
def test_what_has_no_form_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises((TypeError, KeyError)):
        wire.encoder(kind)(value)
