"""Plain text: one line of printable characters, whatever came in."""

from __future__ import annotations

import math
import unicodedata
from typing import Any, Final

TEXT_LIMIT: Final = 500
_LONG_TEXT_LIMIT: Final = 10_000
_DEPTH_LIMIT: Final = 32
_INTEGER_LIMIT: Final = 1 << 63
_LONGEST_NUMBER: Final = 4096
# Zero-width joiners are invisible, yet Persian and Indic names are spelled with them.
_KEPT_FORMATS: Final = "\u200c\u200d"


def one_line(value: object, limit: int = TEXT_LIMIT) -> str | None:
    """Return a value as one line of text: NFC, single spaces, no control or invisible characters, or None if nothing is left.

    Numbers become their digits; what is neither text nor a number becomes None. Text beyond ``limit`` characters is cut.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else _digits(value)
    # The only space that counts as printable is the ordinary one.
    if text.isprintable() and (text.isascii() or unicodedata.is_normalized("NFC", text)):
        is_tidy = "  " not in text and text[:1] != " " and text[-1:] != " "
        line = text if is_tidy else " ".join(text.split())
    else:
        line = " ".join(_visible(unicodedata.normalize("NFC", text)).split())
        line = unicodedata.normalize("NFC", line).strip(_KEPT_FORMATS + " ")
    return line[:limit].strip() or None


def _visible(text: str) -> str:
    return "".join(
        character if character.isprintable() or character in _KEPT_FORMATS else " " if character.isspace() else ""
        for character in text
    )


def _digits(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() else ""
    return str(value) if abs(value) < _INTEGER_LIMIT else ""


def storable(value: Any, depth: int = 0) -> Any:
    """Return a JSON value that every JSON reader and PostgreSQL accept, as close to the given one as can be.

    NUL and lone surrogates leave texts, numbers beyond 64 bits become text, NaN and infinities null; what is nested too deeply is dropped.
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _storable_text(value)
    if isinstance(value, int):
        return value if abs(value) < _INTEGER_LIMIT else _long_number(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _DEPTH_LIMIT:
        return None
    if isinstance(value, dict):
        return {_storable_text(str(key)): storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item, depth + 1) for item in value]
    return _storable_text(str(value))


def _long_number(value: int) -> str | None:
    # Python itself refuses to write out a number of many thousands of digits.
    return str(value) if value.bit_length() <= _LONGEST_NUMBER else None


def _storable_text(text: str) -> str:
    if not text.isprintable():
        text = "".join(
            character
            for character in text
            if (character >= " " or character in "\t\n\r") and not "\ud800" <= character <= "\udfff"
        )
    return text[:_LONG_TEXT_LIMIT]
