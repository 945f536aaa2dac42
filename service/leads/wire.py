"""Rows as PostgreSQL's binary COPY takes them: no driver looks at each value of a thousand leads that were stamped.

The form is PostgreSQL's own ("COPY", binary format): a count of the fields, then each field as its length in bytes and its bytes, numbers
with the highest byte first; a null has the length -1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from struct import Struct
from typing import Any, Final, Protocol

from sqlalchemy import BigInteger, Boolean, DateTime, Integer, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, UUID
from sqlalchemy.types import TypeEngine

BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END: Final = b"\xff\xff"
NULL: Final = b"\xff\xff\xff\xff"

_length: Final = Struct("!i").pack
count: Final = Struct("!h").pack
"""Returns what a row of so many fields begins with."""
_small: Final = Struct("!ih").pack
_integer: Final = Struct("!ii").pack
_big: Final = Struct("!iq").pack
_array: Final = Struct("!iiiiii").pack
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400
_TEXT_OID: Final = 25
_NO_TEXTS: Final = Struct("!iiii").pack(12, 0, 0, _TEXT_OID)
_ID_LENGTH: Final = _length(16)
_TRUTHS: Final = {None: NULL, True: _length(1) + b"\x01", False: _length(1) + b"\x00"}
_JSONB_VERSION: Final = b"\x01"

Encode = Callable[[Any], bytes]


class Identifier(Protocol):
    """A UUID of whatever library."""

    @property
    def bytes(self) -> bytes: ...


def text(value: str | None) -> bytes:
    """Return a text; a JSON document is one, too."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _length(len(encoded)) + encoded


def document(value: str | None) -> bytes:
    """Return a JSONB document, given as text."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _length(1 + len(encoded)) + _JSONB_VERSION + encoded


def identifier(value: Identifier | None) -> bytes:
    """Return a UUID."""
    return NULL if value is None else _ID_LENGTH + value.bytes


def instant(value: datetime | None) -> bytes:
    """Return a time with its zone: microseconds since the year 2000."""
    if value is None:
        return NULL
    since = value - _EPOCH
    return _big(8, (since.days * _DAY + since.seconds) * 1_000_000 + since.microseconds)


def small(value: int | None) -> bytes:
    """Return a SMALLINT."""
    return NULL if value is None else _small(2, value)


def integer(value: int | None) -> bytes:
    """Return an INTEGER."""
    return NULL if value is None else _integer(4, value)


def big(value: int | None) -> bytes:
    """Return a BIGINT."""
    return NULL if value is None else _big(8, value)


def truth(value: Any) -> bytes:
    """Return a BOOLEAN; nothing else is taken for true."""
    return _TRUTHS[value]


def texts(value: Sequence[str] | None) -> bytes:
    """Return an array of texts: its dimensions (none if it is empty), whether it has nulls, the type and the size, then its members."""
    if value is None:
        return NULL
    if not value:
        return _NO_TEXTS
    members = b"".join(map(text, value))
    return _array(20 + len(members), 1, 0, _TEXT_OID, len(value), 1) + members


def _nothing(value: None) -> bytes:
    """Return the null of a type that has no other form here."""
    if value is not None:
        raise TypeError(f"a {type(value).__name__} has no form to be copied in")
    return NULL


# The first that fits: a small integer is an integer, and JSONB is JSON.
_ENCODERS: Final[tuple[tuple[type[TypeEngine[Any]], Encode], ...]] = (
    (Text, text),
    (UUID, identifier),
    (DateTime, instant),
    (SmallInteger, small),
    (BigInteger, big),
    (Integer, integer),
    (Boolean, truth),
    (JSONB, document),
    (JSON, text),
    (ARRAY, texts),
)


def encoder(kind: TypeEngine[Any]) -> Encode:
    """Return what encodes a column's values; documents are given as text."""
    if isinstance(kind, ARRAY) and not isinstance(kind.item_type, Text):
        return _nothing
    return next((encode for known, encode in _ENCODERS if isinstance(kind, known)), _nothing)
