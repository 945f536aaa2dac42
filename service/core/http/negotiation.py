"""The form of an answer: lists and statistics as CSV when the client prefers it, 304 when it has the answer already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.core.http import etags
from service.core.http.queries import is_list

# The field of an answer that has its rows, in the order they are looked for.
_ROWS: Final = ("data", "groups")
# A spreadsheet takes a cell that begins so for a formula, or for the start of another cell.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_CSV: Final = "text/csv; charset=utf-8"
_QUOTED: Final = (",", '"', "\r", "\n")


class Table(NamedTuple):
    """Where an answer has its rows, and what of them is no part of a table."""

    field: str
    left_out: frozenset[str]


def table_of(model: Any) -> Table | None:
    """Return the table that answers of a response model are, or None for what is none.

    Its rows have several lists, of which a table can show one: a model may name the others as ``NOT_IN_TABLES``.
    """
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return None
    fields = model.model_fields
    found = next((name for name in _ROWS if name in fields and is_list(fields[name].annotation)), None)
    return Table(found, getattr(model, "NOT_IN_TABLES", frozenset())) if found else None


def negotiate(request: Request, response: Response, table: Table | None) -> Response:
    """Return the answer to a GET in the form the client asked for; ``table`` is what `table_of` said of it."""
    if response.status_code != 200:
        return response
    if table is not None:
        response.headers.add_vary_header("Accept")
        if prefers_csv(request.headers.get("accept")):
            return _as_csv(response, table)
    etag = response.headers.get("etag")
    if etag is not None and etags.none_match_fails(request.headers.get("if-none-match"), etag):
        kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return Response(status_code=304, headers=kept)
    return response


def prefers_csv(accept: str | None) -> bool:
    """Tell whether an ``Accept`` header names ``text/csv`` and likes it no less than JSON."""
    if accept is None or "text/csv" not in accept.lower():
        return False
    likes = _likes(accept)
    comma, json = likes.get("text/csv", 0.0), likes.get("application/json")
    if json is not None and json == comma:
        return list(likes).index("text/csv") < list(likes).index("application/json")
    return comma > 0 and comma >= (json or 0)


def best_of(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type that an ``Accept`` header likes best, the first offered if it does not care, or None if it takes none."""
    likes = _likes(accept or "*/*")

    def liked(media: str) -> float:
        family = media.partition("/")[0] + "/*"
        return next((likes[kind] for kind in (media, family, "*/*") if kind in likes), 0.0)

    best = max(offered, key=liked)
    return best if liked(best) > 0 else None


def _likes(accept: str) -> dict[str, float]:
    """Return the media types of an ``Accept`` header, in its order, and how much each is liked."""
    likes: dict[str, float] = {}
    for entry in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        quality = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
        try:
            likes.setdefault(kind, float(quality))
        except ValueError:
            likes.setdefault(kind, 0.0)
    return likes


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows of JSON values as CSV (RFC 4180, UTF-8, with a header).

    Objects become columns ``company.name``, lists of scalars one cell joined by ``;``. The first list of objects in a row becomes
    more rows, each with the row's other cells repeated, and so does the first one in each of these; a further one becomes JSON in its cell.
    What is missing is an empty cell, and an empty text one of two quotation marks.
    """
    flat = [line for row in rows for line in _lines(row)]
    named = dict.fromkeys(name for line in flat for name in line)
    # Where one row has something, another may have nothing in the place of it all.
    parents = {name[:end] for name in named for end, sign in enumerate(name) if sign == "."}
    columns = [name for name in named if name not in parents or any(line.get(name) not in (None, "") for line in flat)]
    lines = [[_cell(name) for name in columns], *([_cell(line.get(name)) for name in columns] for line in flat)]
    return "".join(f"{','.join(line)}\r\n" for line in lines).encode()


def _cell(value: Any) -> str:
    # The library that writes CSV cannot tell what is missing from what is empty.
    text = cell_text(value)
    if (value == "" and isinstance(value, str)) or any(sign in text for sign in _QUOTED):
        return '"' + text.replace('"', '""') + '"'
    return text


def _as_csv(response: Response, table: Table) -> Response:
    rows = orjson.loads(response.body)[table.field]
    if table.left_out:
        rows = [{name: value for name, value in row.items() if name not in table.left_out} for row in rows]
    headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    headers["Content-Disposition"] = 'attachment; filename="data.csv"'
    return Response(to_csv(rows), 200, headers, _CSV)


def _lines(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    cells: dict[str, Any] = {}
    inner: tuple[str, list[Any]] | None = None
    for name, value in _cells(row, ""):
        if inner is None and isinstance(value, list) and any(isinstance(item, dict) for item in value):
            inner = (name, value)
        else:
            cells[name] = None if isinstance(value, list) and not any(item is not None for item in value) else value
    if inner is None:
        yield cells
        return
    name, items = inner
    # What cannot be told yet is null, and no row.
    for item in items:
        for line in [] if item is None else _lines(item):
            yield cells | {f"{name}.{inside}": value for inside, value in line.items()}


def _cells(row: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _cells(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def cell_text(value: Any) -> str:
    """Return a JSON value as the text of a CSV cell; what a spreadsheet would take for a formula is behind an apostrophe."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return "'" + value if value.startswith(_FORMULA) else value
        case dict():
            return orjson.dumps(value).decode()
        case list() if any(isinstance(item, dict | list) for item in value):
            return orjson.dumps(value).decode()
        case list():
            return ";".join(cell_text(item) for item in value)
        case _:
            return str(value)
