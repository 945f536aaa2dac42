"""Lists in pages: keyset cursors that are opaque to clients, bound to their filter, and never skip or repeat a row."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel
from starlette.datastructures import URL

from service.core.errors import Invalid

LONGEST_PAGE: Final = 500
DEFAULT_PAGE: Final = 50
_LONGEST_CURSOR: Final = 4000
_DIGEST_BYTES: Final = 9

T = TypeVar("T")
Row = TypeVar("Row")

# JSON has no type for these; in a cursor they are a list of their letter and their text.
_WRITE: Final[dict[type, tuple[str, Callable[[Any], str]]]] = {
    datetime: ("t", datetime.isoformat),
    UUID: ("u", str),
    Decimal: ("d", str),
}
_READ: Final[dict[str, Callable[[str], Any]]] = {"t": datetime.fromisoformat, "u": UUID, "d": Decimal}


class Page(BaseModel, Generic[T]):
    """One page of a list; ``next_cursor`` is null on the last one."""

    data: list[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page the caller asks for."""

    limit: int
    cursor: str | None

    def after(self, filters: Mapping[str, Any], *kinds: type) -> list[Any] | None:
        """Return the values of the row the page begins after, each of its kind, or None for the first page."""
        return None if self.cursor is None else decode(self.cursor, filters, *kinds)


async def _page_query(
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="Most rows in the answer")] = DEFAULT_PAGE,
    cursor: Annotated[
        str | None,
        Query(max_length=_LONGEST_CURSOR, description="`next_cursor` of the page before, with the same filters"),
    ] = None,
) -> PageQuery:
    return PageQuery(limit, cursor)


Paging = Annotated[PageQuery, Depends(_page_query)]


def encode(values: Sequence[Any], filters: Mapping[str, Any]) -> str:
    """Return the cursor of a row: the values that order it (JSON scalars, times, UUIDs, decimals), bound to the list's filters."""
    payload = orjson.dumps([_written(value) for value in values])
    return urlsafe_b64encode(_digest(payload, filters) + payload).rstrip(b"=").decode()


def decode(cursor: str, filters: Mapping[str, Any], *kinds: type) -> list[Any]:
    """Return the values of a cursor, or raise `Invalid` when it was changed, is of another filter or not of these kinds.

    ``kinds`` are the types of the values, in order; a null fits every kind.
    """
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        payload = raw[_DIGEST_BYTES:]
        intact = raw[:_DIGEST_BYTES] == _digest(payload, filters)
        values = [_read(value) for value in orjson.loads(payload)] if intact else []
    except (ValueError, TypeError, KeyError, ArithmeticError):
        intact, values = False, []
    fits = not kinds or (
        len(values) == len(kinds) and all(_fits(value, kind) for value, kind in zip(values, kinds, strict=True))
    )
    if not intact or not fits:
        raise Invalid(
            "?cursor", "the cursor is damaged, or belongs to a list with other filters", code="invalid_cursor"
        )
    return values


def paginate(
    rows: Sequence[Row],
    *,
    request: Request,
    response: Response,
    paging: PageQuery,
    filters: Mapping[str, Any],
    key: Callable[[Row], Sequence[Any]],
) -> dict[str, Any]:
    """Return a `Page` of rows that were fetched with ``limit + 1``, and add ``Link: rel="next"`` if there are more.

    ``key`` gives the values that order a row, unique ones last; ``filters`` is everything else the list depends on, its sort included.
    """
    more = len(rows) > paging.limit
    data = list(rows[: paging.limit])
    cursor = encode(key(data[-1]), filters) if more else None
    if cursor is not None:
        response.headers["Link"] = f'<{_address(request).include_query_params(cursor=cursor)}>; rel="next"'
    return {"data": data, "next_cursor": cursor}


def _fits(value: Any, kind: type) -> bool:
    """Say whether a value may be put to the database as one of this kind: true is no number, and a time has its zone."""
    if value is None:
        return True
    return type(value) is kind and not (isinstance(value, datetime) and value.tzinfo is None)


def _address(request: Request) -> URL:
    public = request.app.state.settings.public_url
    if public is None:
        return request.url
    return URL(f"{str(public).rstrip('/')}{request.url.path}").replace(query=request.url.query)


def _digest(payload: bytes, filters: Mapping[str, Any]) -> bytes:
    given = {name: value for name, value in filters.items() if value is not None}
    bound = orjson.dumps(given, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(bound + b"\0" + payload).digest()[:_DIGEST_BYTES]


def _written(value: Any) -> Any:
    # A row's UUID is the driver's own kind of UUID: the exact type says nothing.
    for kind, (letter, write) in _WRITE.items():
        if isinstance(value, kind):
            return [letter, write(value)]
    return value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        letter, text = value
        return _READ[letter](text)
    return value
