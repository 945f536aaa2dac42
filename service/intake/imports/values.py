"""Cells as people write them: dates, amounts, yes and no. Unlike a webhook's, what cannot be read is a fault of its row."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from service.channels.values import as_instant, as_text

_CHINESE: Final = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日?")
_YEAR_FIRST: Final = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(.*)", re.DOTALL)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(.*)", re.DOTALL)
_CLOCK: Final = re.compile(r"[ T,]*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp][Mm])?\s*")
_GROUPED: Final = re.compile(r"[\s'\u00a0\u202f]")
_ORDERS: Final = ("dmy", "mdy")


class Unreadable(ValueError):
    """A cell's value cannot be read; the message says what is expected, and never quotes it."""


def as_time(value: Any, zone: tzinfo = UTC, order: str | None = None) -> datetime | None:
    """Return a time, or None for an empty cell; raises `Unreadable`.

    ISO 8601, unix seconds and milliseconds, ``2026/3/14 9:26``, ``14.3.2026``, ``2026年3月14日``; ``3/14/2026`` and ``14/3/2026`` only with
    ``order`` (``mdy`` or ``dmy``): a guess would be wrong for half of the world.
    """
    text = as_text(value)
    return None if text is None else _time(text, zone, order)


@lru_cache(maxsize=10_000)
def _time(text: str, zone: tzinfo, order: str | None) -> datetime:
    found = as_instant(text, zone)
    if found is None:
        found = _by_pattern(_CHINESE.sub(r"\1/\2/\3 ", text), zone, order)
    return found


def _by_pattern(text: str, zone: tzinfo, order: str | None) -> datetime:
    if match := _YEAR_FIRST.fullmatch(text.strip()):
        year, month, day, clock = match.groups()
    elif match := _YEAR_LAST.fullmatch(text.strip()):
        first, mark, second, year, clock = match.groups()
        order = order or ("dmy" if mark == "." else None)
        if order not in _ORDERS:
            raise Unreadable("may be a day and a month or a month and a day: say date_order=dmy or date_order=mdy")
        day, month = (first, second) if order == "dmy" else (second, first)
    else:
        raise Unreadable("is not a time such as 2026-03-14T09:26:53Z, 2026-03-14 09:26 or 14.03.2026")
    hour, minute, second_ = _clock(clock)
    try:
        return datetime(int(year), int(month), int(day), hour, minute, second_, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("is no day of the calendar") from None


def _clock(text: str) -> tuple[int, int, int]:
    if not text.strip():
        return 0, 0, 0
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise Unreadable("has a time of day that is not such as 09:26 or 09:26:53")
    hour, half = int(match[1]), (match[4] or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return hour, int(match[2]), int(match[3] or 0)


def as_day(value: Any, order: str | None = None) -> date | None:
    """Return a day, or None for an empty cell; raises `Unreadable`."""
    found = as_time(value, UTC, order)
    return found.date() if found else None


def as_amount(value: Any) -> Decimal | None:
    """Return an amount of money, or None for an empty cell; raises `Unreadable`. ``1.234,50`` and ``1,234.50`` are the same."""
    if value is None or isinstance(value, bool):
        return None
    text = _GROUPED.sub("", str(value)).strip("$€£¥￥")
    if not text:
        return None
    if "," in text and "." in text:
        mark = max(",.", key=text.rfind)
        text = text.replace("." if mark == "," else ",", "").replace(mark, ".")
    elif text.count(",") == 1 and len(text) - text.index(",") - 1 != 3:
        text = text.replace(",", ".")
    elif "," in text:
        text = text.replace(",", "")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise Unreadable("is not an amount such as 12500.00") from None
    if not amount.is_finite() or amount < 0 or amount >= Decimal(10) ** 16:
        raise Unreadable("is not an amount from 0 to 10^16")
    return abs(amount.quantize(Decimal("0.0001")))


def as_currency(value: Any) -> str | None:
    """Return an ISO 4217 code, or None for an empty cell; raises `Unreadable`."""
    text = (as_text(value) or "").upper()
    if text and not re.fullmatch(r"[A-Z]{3}", text):
        raise Unreadable("is not an ISO 4217 code such as EUR")
    return text or None
