"""A scan of everything that is stored, for traces of a person: every column of every table, bytes and JSON included."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import transaction

# A few letters of a name may be found by chance in ids and digests: "ada" is three hexadecimal digits.
_BY_CHANCE = re.compile(r"[0-9a-f]{1,5}")
_DRAWN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32,}\b")

_COLUMNS = text(
    """SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables
    USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1, 2"""
)


async def traces(engine: AsyncEngine, marks: Iterable[str]) -> dict[str, list[str]]:
    """Return where marks (in lower case) are found, as ``{mark: [table.column, …]}``, however the text is written."""
    found: dict[str, list[str]] = {mark: [] for mark in marks}
    async with transaction(engine) as connection:
        for table, column, kind in (await connection.execute(_COLUMNS)).all():
            stored = await _texts(connection, table, column, kind)
            apart = _DRAWN.sub(" ", stored)
            for mark, places in found.items():
                if mark in (apart if _BY_CHANCE.fullmatch(mark) else stored):
                    places.append(f"{table}.{column}")
    return {mark: places for mark, places in found.items() if places}


async def _texts(connection: AsyncConnection, table: str, column: str, kind: str) -> str:
    shown = f'"{column}"' if kind == "bytea" else f'to_jsonb("{column}")::text'
    values = (await connection.execute(text(f'SELECT {shown} FROM "{table}" WHERE "{column}" IS NOT NULL'))).scalars()
    joined = "\n".join(value.decode(errors="replace") if isinstance(value, bytes) else value for value in values)
    decoded = re.sub(r"\\+u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), joined)
    return "\n".join((joined, unquote_plus(joined), decoded, html.unescape(joined))).lower()
