"""The world's numbering plans, as the library has them, asked quickly.

Most phone numbers need none of what the library does with a text: they are digits behind a country code, or a national number of the
region. For these a plan answers with a single pattern made of the library's own data; whatever is special in any way is left to the library.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_TYPES: Final = (
    "mobile",
    "fixed_line",
    "toll_free",
    "voip",
    "uan",
    "shared_cost",
    "premium_rate",
    "personal_number",
    "pager",
    "voicemail",
)
_EVERYWHERE: Final = "001"
_INTERNATIONAL: Final = re.compile(r"\+[\d ()./\-\u2010-\u2015]{7,24}")
_NATIONAL: Final = re.compile(r"[\d ()./\-\u2010-\u2015]{5,24}")
_NO_DIGIT: Final = re.compile(r"[^0-9]+")
_SHORTEST: Final = 5


class _Area(NamedTuple):
    """One region that shares a country code: what its numbers begin with, if that tells it apart, and what they look like."""

    beginning: re.Pattern[str] | None
    number: re.Pattern[str]


class _Local(NamedTuple):
    """How numbers are dialled inside a region."""

    country_code: str
    # What the library would look at before it took the digits for a number as they stand.
    abroad: re.Pattern[str]
    prefix: re.Pattern[str] | None
    # The trunk prefix, where it is nothing but digits to be left out.
    trunk: str | None


def quick_international(text: str) -> str | None:
    """Return the E.164 form of a number in plain international notation if it is of a known range, or None: ask the library."""
    if not text.isascii() or _INTERNATIONAL.fullmatch(text) is None:
        return None
    digits = _NO_DIGIT.sub("", text)
    for length in (2, 1, 3):
        code = digits[:length]
        if code in _codes():
            number = digits[length:]
            local = _local(_codes()[code])
            # A national number does not repeat the trunk prefix, nor begin with a carrier's code.
            is_plain = local is not None and not (local.prefix and local.prefix.match(number))
            return f"+{digits}" if is_plain and _is_known(code, number) else None
    return None


def quick_national(text: str, region: str) -> str | None:
    """Return the E.164 form of a plain national number if it is of a known range, or None: ask the library."""
    if not text.isascii() or _NATIONAL.fullmatch(text) is None:
        return None
    local = _local(region)
    if local is None:
        return None
    number = _NO_DIGIT.sub("", text)
    if number.startswith(local.country_code) or local.abroad.match(number):
        return None
    if local.prefix is not None and local.prefix.match(number):
        if local.trunk is None or not number.startswith(local.trunk):
            return None
        number = number[len(local.trunk) :]
    return f"+{local.country_code}{number}" if _is_known(local.country_code, number) else None


def _is_known(code: str, number: str) -> bool:
    # Zeros in front are kept in some countries, and one digit again and again is a placeholder: the library's and the caller's matter.
    if len(number) < _SHORTEST or number[0] == "0" or number == number[0] * len(number):
        return False
    for area in _areas(code):
        if area.beginning is not None:
            if area.beginning.match(number):
                return area.number.fullmatch(number) is not None
        elif area.number.fullmatch(number):
            return True
    return False


@cache
def _codes() -> dict[str, str]:
    """Return the main region of each country code."""
    return {str(code): regions[0] for code, regions in COUNTRY_CODE_TO_REGION_CODE.items() if regions[0] != _EVERYWHERE}


@cache
def _areas(code: str) -> list[_Area]:
    areas = []
    for region in COUNTRY_CODE_TO_REGION_CODE[int(code)]:
        plan = PhoneMetadata.metadata_for_region(region, None)
        if plan is not None:
            beginning = re.compile(plan.leading_digits) if plan.leading_digits is not None else None
            areas.append(_Area(beginning if len(COUNTRY_CODE_TO_REGION_CODE[int(code)]) > 1 else None, _pattern(plan)))
    return areas


def _pattern(plan: Any) -> re.Pattern[str]:
    kinds = "|".join(filter(None, (_description(getattr(plan, name)) for name in _TYPES))) or r"(?!)"
    return re.compile(f"(?=(?:{_description(plan.general_desc)})\\Z)(?:{kinds})")


def _description(numbers: Any) -> str | None:
    if numbers is None or not numbers.national_number_pattern:
        return None
    lengths = "|".join(rf"\d{{{length}}}" for length in numbers.possible_length if length > 0)
    return f"(?=(?:{lengths})\\Z)(?:{numbers.national_number_pattern})" if lengths else numbers.national_number_pattern


@cache
def _local(region: str) -> _Local | None:
    plan = PhoneMetadata.metadata_for_region(region, None)
    if plan is None:
        return None
    prefix = plan.national_prefix_for_parsing
    is_trunk = prefix and prefix.isdigit() and plan.national_prefix_transform_rule is None
    return _Local(
        country_code=str(plan.country_code),
        abroad=re.compile(plan.international_prefix or "(?!)"),
        prefix=re.compile(prefix) if prefix else None,
        trunk=prefix if is_trunk else None,
    )
