"""Receiving: a file streams in and is kept in pieces of whole records, however large it is.

Each piece is a transaction of its own: one that lasted as long as an upload would hold the change feed back for all. An upload that breaks
off leaves nothing but a note that it failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.core.errors import Invalid, ServiceError
from service.core.ids import new_id
from service.intake.imports import store
from service.intake.imports.columns import mapping_fault, understood
from service.intake.imports.decoding import Decoder
from service.intake.imports.schemas import ImportOptions
from service.intake.imports.splitting import LineSplitter, Piece, TableSplitter

_BLOCK: Final = 1 << 20
_BROKEN_OFF: Final = "the upload was broken off"
_ABANDONED_AFTER: Final = timedelta(hours=6)
_NDJSON: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")


class EmptyFile(Invalid):
    """There is nothing in the file."""

    code = "empty_file"


def format_of(content_type: str, name: str | None) -> str:
    """Return ``ndjson`` or ``csv``, by the media type or else by the file's name."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _NDJSON or (name or "").lower().endswith((".ndjson", ".jsonl")):
        return "ndjson"
    return "csv"


async def receive(
    engine: AsyncEngine,
    blocks: AsyncIterator[bytes],
    options: ImportOptions,
    *,
    format: str,  # noqa: A002  the word of the wire
    actor: str,
) -> dict[str, Any]:
    """Keep a file and return the import, which waits for a worker; raises `Invalid` if it cannot be read."""
    import_id, now = new_id(), clock.now()
    splitter = LineSplitter() if format == "ndjson" else TableSplitter(options.delimiter)
    decoder = Decoder(options.encoding)
    row = {"id": import_id, "status": "uploading", "format": format, "actor": actor, "created_at": now}
    async with transaction(engine) as connection:
        await store.insert_import(connection, row | options.columns())
    try:
        totals = await _keep(engine, import_id, blocks, decoder=decoder, splitter=splitter)
        if splitter.header is not None:
            refuse_mapping(options, splitter.header)
    except (Exception, asyncio.CancelledError) as fault:
        detail = fault.detail if isinstance(fault, ServiceError) else _BROKEN_OFF
        await asyncio.shield(_fail(engine, import_id, detail))
        raise
    found = {"header": splitter.header, "delimiter": splitter.delimiter, "encoding": decoder.encoding}
    async with transaction(engine) as connection:
        kept = await store.change_import(
            connection, import_id, totals | found | {"status": "waiting"}, only=("uploading",)
        )
    if kept is None:
        raise Invalid("", "the upload took too long and was given up")
    return kept


def refuse_mapping(options: ImportOptions, header: list[str]) -> None:
    """Raise `Invalid` for a mapping that names columns or fields that do not exist."""
    for column, field in options.mapping.items():
        if column not in header:
            raise Invalid("/mapping", f"the file has no column {column!r}; it has {', '.join(header[:50])}")
        if fault := mapping_fault(options.kind, field):
            raise Invalid("/mapping", fault)
    if not any(column.field for column in understood(options.kind, header, options.mapping, options.system)):
        raise Invalid("/mapping", f"none of the file's columns says anything of {options.kind}")


async def _keep(
    engine: AsyncEngine,
    import_id: UUID,
    blocks: AsyncIterator[bytes],
    *,
    decoder: Decoder,
    splitter: LineSplitter | TableSplitter,
) -> dict[str, int]:
    totals = {"chunks": 0, "bytes": 0, "rows_total": 0}
    async for block, final in _gathered(blocks):
        totals["bytes"] += len(block)
        for piece in splitter.feed(decoder.feed(block, final=final), final=final):
            async with transaction(engine) as connection:
                await _add(connection, import_id, totals["chunks"], piece)
            totals["chunks"] += 1
            totals["rows_total"] += piece.filled
    if not totals["rows_total"]:
        raise EmptyFile("", "the file has no rows")
    return totals


async def _add(connection: AsyncConnection, import_id: UUID, number: int, piece: Piece) -> None:
    await store.add_chunk(
        connection,
        {
            "import_id": import_id,
            "number": number,
            "first_row": piece.first_row,
            "records": piece.records,
            # A lone surrogate cannot come out of a decoder, a NUL can; no column of ours takes it.
            "data": piece.text.encode().replace(b"\0", b""),
        },
    )


async def _gathered(blocks: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield larger blocks, and say which one is the last."""
    held = bytearray()
    async for block in blocks:
        held += block
        while len(held) > _BLOCK:
            yield bytes(held[:_BLOCK]), False
            del held[:_BLOCK]
    yield bytes(held), True


async def _fail(engine: AsyncEngine, import_id: UUID, detail: str) -> None:
    async with transaction(engine) as connection:
        values = {"status": "failed", "detail": detail, "finished_at": clock.now()}
        await store.change_import(connection, import_id, values, only=("uploading",))
        await store.empty_chunks(connection, import_id)


async def give_up_uploads(connection: AsyncConnection, *, now: datetime) -> None:
    """Note that uploads failed whose process died before it could."""
    detail = f"{_BROKEN_OFF}, and whoever received it died"
    for import_id in await store.give_up_uploads(connection, before=now - _ABANDONED_AFTER, detail=detail, now=now):
        await store.empty_chunks(connection, import_id)
