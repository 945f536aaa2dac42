"""Suggesting: how a file would be read, before it is sent whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import islice
from typing import Any, Final

from service.core.errors import Invalid
from service.core.http.strict_json import parse
from service.intake.imports.columns import flat, understood
from service.intake.imports.decoding import Decoder
from service.intake.imports.receiving import EmptyFile
from service.intake.imports.schemas import ImportOptions
from service.intake.imports.splitting import LineSplitter, Piece, TableSplitter, records_of

_MOST_BYTES: Final = 1 << 20
_SAMPLES: Final = 3
_LONGEST_SAMPLE: Final = 80
_SAMPLED_ROWS: Final = 50
# At least one of each of these sets of fields is needed.
_NEEDED: Final = {
    "leads": (("email", "phone", "external_ids"),),
    "transitions": (("lead_id", "external_ids", "email", "phone"), ("event", "stage")),
    "activities": (("lead_id", "external_ids", "email", "phone"), ("kind",)),
    "spend": (("amount",), ("currency",), ("period", "period_start")),
}


async def suggest(blocks: AsyncIterator[bytes], options: ImportOptions, *, format: str) -> dict[str, Any]:  # noqa: A002  the word of the wire
    """Return what each column of a file is taken for, with samples, and what is missing; the first megabyte is looked at."""
    sample = bytearray()
    async for block in blocks:
        sample += block[: _MOST_BYTES - len(sample)]
    decoder = Decoder(options.encoding)
    text = decoder.feed(bytes(sample), final=len(sample) < _MOST_BYTES)
    splitter = LineSplitter() if format == "ndjson" else TableSplitter(options.delimiter)
    piece = next(splitter.feed(text, final=True), None)
    if piece is None and not splitter.header:
        raise EmptyFile("", "the file has no rows")
    names, records = _lines(piece) if splitter.header is None else (splitter.header, _table(piece, splitter))
    columns = understood(options.kind, names, options.mapping, options.system)
    fields = {(column.field or "").partition(".")[0] for column in columns}
    return {
        "kind": options.kind,
        "format": format,
        "encoding": decoder.encoding,
        "delimiter": splitter.delimiter,
        "columns": [
            {"name": one.name, "field": one.field, "why": one.why, "samples": _samples(records, place)}
            for place, one in enumerate(columns)
        ],
        "missing": [" or ".join(some) for some in _NEEDED[options.kind] if fields.isdisjoint(some)],
    }


def _table(piece: Piece | None, splitter: TableSplitter | LineSplitter) -> list[Sequence[Any]]:
    return list(islice(records_of(piece.text, splitter.delimiter or ","), _SAMPLED_ROWS)) if piece else []


def _lines(piece: Piece | None) -> tuple[list[str], list[Sequence[Any]]]:
    lines = [line for line in (piece.text if piece else "").split("\n") if line.strip()][:_SAMPLED_ROWS]
    documents = [flat(found) for found in map(parse, (line.encode() for line in lines)) if isinstance(found, dict)]
    if not documents:
        raise Invalid("", "the lines are no JSON objects")
    names = list(dict.fromkeys(name for document in documents for name in document))
    return names, [[document.get(name) for name in names] for document in documents]


def _samples(records: Sequence[Sequence[Any]], place: int) -> list[str]:
    given = (
        str(record[place])[:_LONGEST_SAMPLE]
        for record in records
        if place < len(record) and record[place] not in ("", None)
    )
    return list(islice(dict.fromkeys(given), _SAMPLES))
