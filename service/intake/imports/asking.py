"""Imports, for people: how they go, what came of every row, and ending one."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import transaction
from service.core.errors import Conflict, NotFound
from service.core.ids import NIL
from service.intake.imports import store
from service.intake.imports.columns import understood
from service.intake.imports.outcomes import FAILED, RESULTS

_FAULT: Final = ("row", "field", "code", "detail", "severity")
_ROW: Final = ("row", "result", "lead_id")
_PIECES_AT_ONCE: Final = 20


class ImportNotFound(NotFound):
    """There is no such import."""


def import_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an import as the API shows it."""
    options, address = row["options"], f"/v1/imports/{row['id']}"
    columns = None
    if row["header"] is not None:
        found = understood(row["kind"], row["header"], options["mapping"], options["system"])
        columns = [{"name": one.name, "field": one.field, "why": one.why} for one in found]
    # SQLAlchemy's names of columns are more than texts, and no keys for JSON.
    shown = {str(name): value for name, value in row.items() if name not in {"header", "chunks", "chunks_done"}}
    return shown | {"columns": columns, "errors": f"{address}/errors", "rows": f"{address}/rows"}


async def read_import(connection: AsyncConnection, import_id: UUID) -> dict[str, Any]:
    """Return an import; raises `ImportNotFound`."""
    row = await store.read_import(connection, import_id)
    if row is None:
        raise ImportNotFound(f"there is no import {import_id}")
    return row


async def cancel(connection: AsyncConnection, import_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Stop an import; what is done of it stays, and can be reverted. Raises `Conflict` for one that has ended."""
    values = {"status": "canceled", "finished_at": now}
    row = await store.change_import(connection, import_id, values, only=("waiting", "running"))
    if row is None:
        status = (await read_import(connection, import_id))["status"]
        raise Conflict(
            f"the import is {status}: only one that is waiting or running can be canceled", import_status=status
        )
    await store.empty_chunks(connection, import_id)
    return row


async def faults(
    connection: AsyncConnection, import_id: UUID, *, after: tuple[int, int] | None, limit: int
) -> list[dict[str, Any]]:
    """Return what was wrong with rows, in the order of the file: ``number, place, fault``; raises `ImportNotFound`."""
    await read_import(connection, import_id)
    return await store.read_faults(connection, import_id, after=after or (-1, 0), limit=limit)


async def fault_file(engine: AsyncEngine, import_id: UUID, *, as_csv: bool) -> AsyncIterator[bytes]:
    """Yield the error file: every fault of every row, in the order of the file."""
    async for piece in _pieces(engine, import_id, _FAULT, as_csv=as_csv, rows_of=lambda chunk: chunk["faults"]):
        yield piece


async def row_file(engine: AsyncEngine, import_id: UUID, *, as_csv: bool) -> AsyncIterator[bytes]:
    """Yield what became of every row, in the order of the file."""
    async for piece in _pieces(engine, import_id, _ROW, as_csv=as_csv, rows_of=_results):
        yield piece


def _results(chunk: Mapping[str, Any]) -> list[dict[str, Any]]:
    refused = {fault["row"] for fault in chunk["faults"] if fault["severity"] == "error"}
    results = [{"row": row, "result": FAILED, "lead_id": None} for row in refused]
    for row, result, lead_id in zip(chunk["row_numbers"], chunk["results"], chunk["lead_ids"], strict=True):
        results.append({"row": row, "result": RESULTS[result], "lead_id": None if lead_id == NIL else str(lead_id)})
    return sorted(results, key=lambda one: one["row"])


async def _pieces(
    engine: AsyncEngine, import_id: UUID, names: tuple[str, ...], *, as_csv: bool, rows_of: Any
) -> AsyncIterator[bytes]:
    if as_csv:
        yield (",".join(names) + "\r\n").encode()
    after = -1
    while True:
        # A transaction for each part: a slow reader must not hold one open.
        async with transaction(engine) as connection:
            chunks = await store.read_outcomes(connection, import_id, after=after, limit=_PIECES_AT_ONCE)
        if not chunks:
            return
        after = chunks[-1]["number"]
        rows = [row for chunk in chunks for row in rows_of(chunk)]
        yield _as_csv(rows, names) if as_csv else b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _as_csv(rows: list[dict[str, Any]], names: tuple[str, ...]) -> bytes:
    written = io.StringIO()
    # A column's name, which is the file's, must not be taken for a formula.
    csv.writer(written).writerows([_harmless(row.get(name)) for name in names] for row in rows)
    return written.getvalue().encode()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in set("=+-@\t\r") else value
