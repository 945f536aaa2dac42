"""Values as vendors write them, as values the service keeps: never an error, at worst nothing."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

# Longer texts do not fit the indexes over them; no real name, address or campaign is.
_MAX_TEXT: Final = 500
_MAX_ID: Final = 200
_MAX_LONG_TEXT: Final = 4000
_EXACT: Final = 2**53
_MILLISECONDS: Final = 10**11
_MAX_DEPTH: Final = 8
_MAX_RECORDS: Final = 1000
_AHEAD: Final = timedelta(minutes=5)
_TRUE: Final = frozenset({"1", "true", "yes", "y", "on", "ja", "oui", "si", "granted", "subscribed", "accepted"})


def as_text(value: Any, limit: int = _MAX_TEXT) -> str | None:
    """Return a scalar, or a list of scalars, as text without outer spaces; nothing for what is empty or a structure."""
    if isinstance(value, bool) or value is None:
        return None if value is None else str(value).lower()
    if isinstance(value, float):
        value = int(value) if value.is_integer() else value
    if isinstance(value, list):
        value = ", ".join(text for item in value[:50] if (text := as_text(item)))
    if not isinstance(value, str | int | float):
        return None
    return str(value).replace("\0", "").strip()[:limit].rstrip() or None


def as_flag(value: Any) -> bool:
    """Return whether this means yes."""
    return (as_text(value) or "").casefold() in _TRUE


def as_tags(value: Any) -> tuple[str, ...]:
    """Return a list, or a text with commas, as tags without repetition."""
    items = value if isinstance(value, list) else (as_text(value) or "").split(",")
    return tuple(dict.fromkeys(tag for item in items[:50] if (tag := as_text(item, _MAX_ID))))


def as_instant(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """Return ISO 8601 or unix seconds or milliseconds as an aware instant; a time without a zone is in ``zone``."""
    try:
        text = as_text(value)
        if text is None:
            return None
        if text.lstrip("-").replace(".", "", 1).isdigit():
            number = float(text)
            return datetime.fromtimestamp(number / 1000 if abs(number) > _MILLISECONDS else number, UTC)
        found = datetime.fromisoformat(text)
        return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def as_past(value: Any, *, at: datetime, zone: tzinfo = UTC) -> datetime:
    """Return the vendor's time, or ``at`` (when it reached us) where there is none or it has not come yet."""
    found = as_instant(value, zone)
    return found if found is not None and found <= at + _AHEAD else at


def as_record(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_records(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, at most 1,000 of them."""
    return [item for item in value[:_MAX_RECORDS] if isinstance(item, dict)] if isinstance(value, list) else []


def _zone_name(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("Not a time zone of the IANA database, such as Europe/Berlin") from None
    return name


Timezone = Annotated[
    str, AfterValidator(_zone_name), Field(max_length=64, description="The zone of times that are sent without one.")
]


def as_table(name: str, value: Any) -> dict[str, Any]:
    """Return a dictionary of texts (``utm``, ``external_ids``), of anything (``attributes``) or of decisions (``consent``)."""
    if name == "consent" and not isinstance(value, dict):
        return {} if value is None else {"marketing": as_flag(value)}
    if not isinstance(value, dict):
        return {}
    items = [(str(key).replace("\0", "")[:100], item) for key, item in list(value.items())[:100]]
    if name in {"attributes", "consent"}:
        return {key: as_attribute(item) for key, item in items if key}
    return {
        key.removeprefix("utm_") if name == "utm" else key: text
        for key, item in items
        if key and (text := as_text(item, _MAX_ID))
    }


def as_attribute(value: Any, depth: int = 0) -> Any:
    """Return a JSON value that every reader takes exactly: large integers as text, long texts cut, deep structures dropped."""
    if isinstance(value, str):
        return value.replace("\0", "")[:_MAX_LONG_TEXT]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [as_attribute(item, depth + 1) for item in value[:200]]
    if isinstance(value, dict):
        return {
            str(key).replace("\0", "")[:100]: as_attribute(item, depth + 1) for key, item in list(value.items())[:200]
        }
    return str(value)[:_MAX_LONG_TEXT]
