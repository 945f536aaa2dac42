"""Phone numbers: E.164, or the reason why not."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from service.cleaning.numbering import quick_international, quick_national
from service.cleaning.submission import Unusable

PHONE_LIMIT: Final = 250
_PLAIN_INTERNATIONAL: Final = re.compile(r"\+\d{7,15}")
# A comma or a semicolon begins another number only if enough digits follow; otherwise it dials an extension.
_NEXT_NUMBER: Final = re.compile(
    r"[,;、，；|\r\n]+\s*(?=\+?[\d(][\d\s()./-]{5,})|\s+(?:or|oder|und|and|或)\s+", re.IGNORECASE
)
_INTERNATIONAL_PREFIX: Final = re.compile(r"^\s*(?:\(\s*)?00(?=\s*[1-9])")
# Without a plus sign, fewer digits than these may well be a national number of anywhere.
_BARE_INTERNATIONAL: Final = 12


@dataclass(frozen=True, slots=True)
class Phone:
    """A usable phone number: E.164, the extension that was dropped, the further numbers given with it.

    ``assigned`` is False if the number is possible in its country, but no known range of it contains it.
    """

    number: str
    extension: str | None = None
    others: str | None = None
    assigned: bool = True


def clean_phone(raw: str, regions: tuple[str, ...] = ()) -> Phone:
    """Return a phone number, trying the regions (alpha-2) in turn if it was given in national notation, or raise `Unusable`.

    A number with a country code is taken if its length is possible; a national one must be a known number of its region, because
    a wrong guess would give this person another one's identity. Of several numbers the first usable one is taken.
    """
    if len(raw) > PHONE_LIMIT:
        raise Unusable(f"is longer than {PHONE_LIMIT} characters")
    text = raw if raw.isascii() else unicodedata.normalize("NFKC", raw)
    pieces = (
        [text] if _PLAIN_INTERNATIONAL.fullmatch(text) else [part for part in _NEXT_NUMBER.split(text) if part.strip()]
    )
    fault = Unusable("has no digits: a phone number looks like +49 30 901820")
    for index, piece in enumerate(pieces):
        try:
            return _clean_one(piece, regions, ", ".join(pieces[:index] + pieces[index + 1 :]) or None)
        except Unusable as why:
            fault = fault if index else why
    raise fault


def _clean_one(text: str, regions: tuple[str, ...], others: str | None) -> Phone:
    if quick := _quick(text, regions):
        return Phone(quick, None, others)
    international = _INTERNATIONAL_PREFIX.sub("+", text, count=1)
    explicit = "+" in international
    number = _with_country_code(international) if explicit else _national(international, regions)
    if len(set(str(number.national_number))) == 1:
        raise Unusable("repeats one digit: it looks like a placeholder")
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return Phone(e164, number.extension, others, assigned=not explicit or phonenumbers.is_valid_number(number))


def _quick(text: str, regions: tuple[str, ...]) -> str | None:
    """Return a number that there is nothing special about, or None."""
    if text[0] == "+":
        return quick_international(text)
    # Only the first region's reading counts before the others are tried; so many digits may have a country code.
    if regions and sum(map(str.isdigit, text)) < _BARE_INTERNATIONAL and not _INTERNATIONAL_PREFIX.match(text):
        return quick_national(text, regions[0])
    return None


def _with_country_code(text: str) -> PhoneNumber:
    try:
        number = phonenumbers.parse(text, None)
    except NumberParseException as fault:
        raise Unusable(_EXPLANATIONS.get(fault.error_type, "is not a phone number")) from None
    if not phonenumbers.is_possible_number(number):
        raise Unusable("has too few or too many digits for its country code")
    return number


def _national(text: str, regions: tuple[str, ...]) -> PhoneNumber:
    digits = sum(character.isdigit() for character in text)
    if digits < 3:
        raise Unusable("has too few digits: a phone number looks like +49 30 901820")
    # So long and without a trunk prefix: somebody left the plus sign out.
    bare = digits >= _BARE_INTERNATIONAL and not text.lstrip(" (").startswith("0")
    readings = [("+" + text.strip(), None)] if bare else []
    for reading, region in [*readings, *((text, region) for region in regions)]:
        try:
            number = phonenumbers.parse(reading, region)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return number
    if not regions:
        raise Unusable("has no country code: write it like +49 30 901820, or give the country")
    raise Unusable(
        f"is not a phone number of {' or '.join(regions)}: write it with its country code, like +49 30 901820"
    )


_EXPLANATIONS: Final = {
    NumberParseException.INVALID_COUNTRY_CODE: "begins with a country code that does not exist",
    NumberParseException.NOT_A_NUMBER: "is not a phone number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "has too few digits",
    NumberParseException.TOO_SHORT_NSN: "has too few digits",
    NumberParseException.TOO_LONG: "has too many digits",
}
