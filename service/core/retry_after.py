"""The header Retry-After (RFC 9110, 10.2.3), as others send it to us."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime
from typing import Final

_MOST_DIGITS: Final = 9


def seconds_asked(given: str | None, now: datetime) -> float | None:
    """Return for how many seconds to wait, written as seconds or as a date; None for what is neither."""
    if given is None:
        return None
    text = given.strip()
    if text.isascii() and text.isdigit():
        return float(text[:_MOST_DIGITS])
    try:
        until = email.utils.parsedate_to_datetime(text)
        return max((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds(), 0.0)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
