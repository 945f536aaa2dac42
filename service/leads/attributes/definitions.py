"""Types of attributes (PURE): what a value must be, and what can be made of what was given."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

Type = Literal["text", "number", "date", "boolean", "choice"]

_LONGEST_TEXT: Final = 10_000
_EXACT: Final = 1 << 53
_NUMBER: Final = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAYS: Final = (
    re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?:[T ].*)?", re.ASCII),
    re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})", re.ASCII),
    re.compile(r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?P<day>\d{1,2})日", re.ASCII),
    # Dots are German and alike: the day comes first. With slashes nobody can know.
    re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})", re.ASCII),
)
_WORDS: Final = {
    **dict.fromkeys(["true", "yes", "y", "on", "1", "ja", "j", "oui", "si", "sí", "是", "对", "有"], True),
    **dict.fromkeys(["false", "no", "n", "off", "0", "nein", "non", "否", "不", "无"], False),
}


class Unfit(ValueError):
    """A value is not of its attribute's type; the message says what it must be."""


@dataclass(frozen=True, slots=True)
class Definition:
    """An attribute with a type; ``choices`` only of a choice."""

    key: str
    type: Type
    choices: tuple[str, ...] = ()


Definitions = Mapping[str, Definition]


def exact(definition: Definition, value: Any) -> Any:
    """Return a JSON value in the form it is stored in, or raise `Unfit`: it must be of the very type."""
    return _EXACT_BY_TYPE[definition.type](definition, value)


def understood(definition: Definition, value: Any) -> Any:
    """Return what a value means that came as forms and files bring it, mostly as text; None if it says nothing; or raise `Unfit`."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        value = unicodedata.normalize("NFKC", value).strip() if definition.type != "text" else value.strip()
    if value is None or value in ("", []):
        return None
    read = _READERS[definition.type](definition, value)
    return None if read == "" else exact(definition, read)


def _text(_: Definition, value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("must be a text")
    if len(value) > _LONGEST_TEXT:
        raise Unfit(f"is longer than {_LONGEST_TEXT} characters")
    return value


def _number(_: Definition, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unfit("must be a number")
    # 10.0 and 10 are one value, and one group in the statistics.
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _date(_: Definition, value: Any) -> str:
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise Unfit("must be a date, such as 2026-01-31")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise Unfit("is not a day of the calendar") from None


def _boolean(_: Definition, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def _choice(definition: Definition, value: Any) -> str:
    if not isinstance(value, str) or value not in definition.choices:
        raise Unfit(f"must be one of {', '.join(definition.choices)}")
    return value


def _as_text(_: Definition, value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(told for item in value if (told := _plain(item).strip()))
    return _plain(value) if isinstance(value, bool | int | float) else value


def _as_number(_: Definition, value: Any) -> Any:
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        return value
    return int(value) if value.lstrip("+-").isdecimal() and len(value) < 19 else float(value)


def _as_date(_: Definition, value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    match = (
        next((match for form in _DAYS if (match := form.fullmatch(value))), None) if isinstance(value, str) else None
    )
    return "{year}-{month:0>2}-{day:0>2}".format(**match.groupdict()) if match else value


def _as_boolean(_: Definition, value: Any) -> Any:
    return _WORDS.get(_plain(value).casefold(), value) if isinstance(value, str | int | float) else value


def _as_choice(definition: Definition, value: Any) -> Any:
    wanted = _folded(_plain(value)) if isinstance(value, str | int | float) else None
    return next((choice for choice in definition.choices if _folded(choice) == wanted), value)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _plain(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value)


_EXACT_BY_TYPE: Final[Mapping[Type, Callable[[Definition, Any], Any]]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "boolean": _boolean,
    "choice": _choice,
}
_READERS: Final[Mapping[Type, Callable[[Definition, Any], Any]]] = {
    "text": _as_text,
    "number": _as_number,
    "date": _as_date,
    "boolean": _as_boolean,
    "choice": _as_choice,
}
