"""What adapters of vendors in China share: numbers without a country code, Beijing's time, the answer they expect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from pydantic_core import from_json

from service.channels.answers import person_of
from service.channels.contract import ChannelConfig, Fields, Request
from service.channels.values import as_past, as_text

BEIJING: Final = "Asia/Shanghai"
SUCCESS: Final = '{"code":0,"message":"success"}'

_MOBILE: Final = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
# Area codes begin with 10 or 2 (two digits) or 3 to 9 (three digits); the zero before them is kept at home only.
_LANDLINE: Final = re.compile(r"(?:\+?86|0086)?0?((?:10|2[0-9])[0-9]{8}|[3-9][0-9]{2}[2-8][0-9]{6,7})")
_BETWEEN: Final = re.compile(r"[,，;；、/\n]+")
_INSIDE: Final = re.compile(r"[\s()（）-]+")
_MAX_NUMBERS: Final = 20
_MAX_PARAMETERS: Final = 200
_MAX_ADDRESS: Final = 4000


def chinese_phone(value: Any) -> str | None:
    """Return one or more phone numbers ("a,b"), with China's country code where they are Chinese numbers without one.

    What may be a number of another country stays as it was written.
    """
    text = as_text(value)
    if text is None:
        return None
    numbers = [number.strip() for number in _BETWEEN.split(text)[:_MAX_NUMBERS]]
    return ", ".join(_with_country_code(number) for number in numbers if number) or None


def _with_country_code(number: str) -> str:
    digits = _INSIDE.sub("", number)
    if found := _MOBILE.fullmatch(digits):
        return f"+86{found[1]}"
    # Without its zero or a country code, a landline number could be anything.
    if digits.startswith(("0", "+86", "86")) and (found := _LANDLINE.fullmatch(digits)):
        return f"+86{found[1]}"
    return number


def chinese_person(
    document: Mapping[str, Any],
    channel: ChannelConfig,
    request: Request,
    *,
    vendor_id: Any,
    said_at: Any,
    source: Mapping[str, Any],
) -> Fields:
    """Return the person in a document as `person_of` does, phone numbers completed by `chinese_phone`.

    ``said_at`` is the vendor's time; without a zone it is in that of ``settings.timezone``.
    """
    person = person_of(
        document,
        channel,
        request,
        vendor_id=vendor_id,
        occurred_at=local_time(said_at, channel, request),
        source=source,
    )
    if phone := chinese_phone(person.get("phone")):
        person["phone"] = phone
    return person


def local_time(value: Any, channel: ChannelConfig, request: Request) -> datetime:
    """Return the vendor's time, read in the channel's zone where it names none, or else when the delivery reached us."""
    return as_past(value, at=request.received_at, zone=ZoneInfo(getattr(channel.settings, "timezone", BEIJING)))


def utm_of(address: Any) -> dict[str, str]:
    """Return the utm parameters in a landing page's address, by their full names."""
    try:
        pairs = parse_qsl(urlsplit(as_text(address, _MAX_ADDRESS) or "").query, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return {}
    return {name: value for name, value in pairs if name.startswith("utm_") and value}


def as_answers(value: Any) -> dict[str, Any]:
    """Return answers that are an object, or the text of one; nothing for anything else."""
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        try:
            value = from_json(value, allow_inf_nan=False)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def known(**fields: Any) -> dict[str, Any]:
    """Return the fields that say something."""
    return {name: value for name, value in fields.items() if value not in (None, "", {}, [], False)}


def rest_of(body: Mapping[str, Any], *used: str) -> dict[str, Any]:
    """Return what else is in the body and says something."""
    return {name: value for name, value in body.items() if name not in used and value not in (None, "", {}, [])}
