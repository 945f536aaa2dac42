"""A lead as it is compared: its fields folded, and each custom attribute taken for what its value and its name say it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

from service.cleaning.companies import company_key
from service.cleaning.freemail import FREE_MAIL
from service.cleaning.mailbox import mailbox_key
from service.cleaning.matching.measures import PERSONAL
from service.cleaning.matching.words import folded


class Value(NamedTuple):
    """A comparable value: the kind that `measures` knows, and the text."""

    kind: str
    text: str


@dataclass(slots=True)
class Profile:
    """What is compared of one lead: the name, and values by the lead's field, attributes as ``attributes.<name>``.

    ``personal`` are those that tell of the person, or of the firm where no person is named; ``shared`` those that others have as well.
    """

    first: str
    last: str
    full: str
    personal: dict[str, Value]
    shared: dict[str, Value]

    @property
    def values(self) -> dict[str, Value]:
        """All that is known besides the name."""
        return self.personal | self.shared


# Words in the names of attributes, in the languages of our users. What is not recognised is judged by its values alone.
_NAMED: Final = (
    ("first", r"^(given|first|fore) ?names?$|^vorname$|^pr[eé]nom$|^nombre$|^名$"),
    ("last", r"^(sur|last|family) ?name$|^nachname$|^nom( de famille)?$|^apellidos?$|^姓$"),
    ("firm", r"^name$|^(company|business|firm|organi[sz]ation|restaurant|shop|store|venue)( name)?$|^firma$|^公司(名称)?$"),
    ("birth", r"birth|\bdob\b|geburt|naissance|nacimiento|nascita|生日|出生"),
    ("document", r"\bss[ni]\b|soc(ial)? ?sec|\btax|passport|ausweis|steuer|\bvat\b|\bust|身份证|护照|税号|licen[cs]e|national id"),
    ("phone", r"phone|\btel|mobil|\bcell|\bfax|handy|whatsapp|手机|电话"),
    ("postcode", r"post ?(al)? ?code|\bzip|\bplz\b|postleitzahl|\bcap\b|邮编|邮政"),
    ("region", r"\bstate\b|province|provinz|region|bundesland|county|kanton|省"),
    ("place", r"addr|street|stra(ss|ß)e|suburb|\bcity\b|\btown\b|\bort\b|stadt|wohnort|building|hausn|house|地址|城市|街"),
)  # fmt: skip
_HINTS: Final = tuple((kind, re.compile(pattern)) for kind, pattern in _NAMED)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ISO_DATE: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:$|[T ])")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$")
_PACKED_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_NO_DIGIT: Final = re.compile(r"\D+")
_DIGITS: Final = re.compile(r"[+(]?\d[\d\s()./-]*")
_COUNTED: Final = 5
_LONG: Final = 200
_SHORT: Final = {
    "street": "st", "str": "st", "avenue": "ave", "av": "ave", "boulevard": "blvd", "road": "rd", "drive": "dr", "lane": "ln", "place": "pl",
    "square": "sq", "court": "ct", "highway": "hwy", "parkway": "pkwy", "terrace": "tce", "crescent": "cres", "platz": "pl", "saint": "st",
    "sankt": "st", "north": "n", "south": "s", "east": "e", "west": "w", "apartment": "apt", "suite": "ste", "building": "bldg", "floor": "fl",
}  # fmt: skip


def profile_of(row: Mapping[str, Any]) -> Profile:
    """Return the profile of a lead's row."""
    first, last = folded(row["first_name"] or ""), folded(row["last_name"] or "")
    told = _attributes(row["attributes"])
    if not (first or last or row["full_name"]):
        # Somebody's name may have been put where we would not look for it.
        first, last = _taken_out(told, "first"), _taken_out(told, "last")
    full = f"{first} {last}".strip() if first or last else folded(row["full_name"] or "")
    personal: dict[str, Value] = {}
    shared: dict[str, Value] = {}
    if email := row["email"]:
        personal["email"] = Value("email", mailbox_key(email))
    if phone := row["phone"]:
        personal["phone"] = Value("phone", phone.removeprefix("+"))
    if row["company_name"] and (company := company_key(row["company_name"])):
        (shared if full else personal)["company.name"] = Value("company" if full else "firm", company)
    domain = row["company_domain"] or (email.rpartition("@")[2] if email else None)
    if domain and domain not in FREE_MAIL:
        shared["company.domain"] = Value("domain", domain)
    for name, column, kind in _PLAIN:
        if text := row[column]:
            shared[name] = Value(kind, folded(text))
    for name, value in told.items():
        kind = _AS_TEXT.get(value.kind, value.kind)
        if kind == "firm" and (full or row["company_name"]):
            kind = "text"
        (personal if kind in PERSONAL else shared)[name] = value if kind == value.kind else Value(kind, value.text)
    return Profile(first, last, full, personal, shared)


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Value]:
    told = {f"attributes.{name}": attribute(name, value) for name, value in attributes.items()}
    return {name: value for name, value in told.items() if value is not None}


def _taken_out(told: dict[str, Value], kind: str) -> str:
    """Take the first attribute of a kind out of the others."""
    name = next((name for name, value in told.items() if value.kind == kind), None)
    return told.pop(name).text if name is not None else ""


_AS_TEXT: Final = {"first": "text", "last": "text"}
_PLAIN: Final = (
    ("job_title", "job_title", "job"),
    ("company.country", "country", "country"),
    ("company.region", "region", "region"),
)


def attribute(name: str, value: Any) -> Value | None:
    """Return a custom attribute as it is compared, or None where there is nothing to compare."""
    if type(value) is str:
        return _told_by(name, value) if len(value) <= _LONG else None
    if isinstance(value, bool):
        return Value("choice", str(value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = " ".join(sorted(value))
    if not isinstance(value, str | int | float):
        return None
    text = str(value)
    return _told_by(name, text) if len(text) <= _LONG else None


@lru_cache(4096)
def _hint(name: str) -> str | None:
    plain = re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).lower()
    return next((kind for kind, pattern in _HINTS if pattern.search(plain)), None)


@lru_cache(32_768)
def _told_by(name: str, text: str) -> Value | None:
    """Return what a text is, by the attribute's name if that says it, or else by how the text looks."""
    hint, text = _hint(name), text.strip()
    if not text:
        return None
    day = _day(text) if hint in {None, "birth"} else None
    if day is not None:
        return Value("birth" if hint == "birth" else "date", day)
    if _EMAIL.fullmatch(text):
        return Value("email", mailbox_key(text.lower()))
    digits = _NO_DIGIT.sub("", text) if _DIGITS.fullmatch(text) else ""
    if hint == "phone":
        return Value("phone", digits.lstrip("0")) if len(digits) >= _COUNTED else None
    plain = folded(text)
    if not plain:
        return None
    named = _named(hint, text, plain, digits) if hint else None
    if named is not None:
        return named
    if digits:
        return Value("number", digits) if len(digits) >= _COUNTED else Value("choice", digits)
    return Value("text" if len(plain) > 3 or not plain.isascii() else "choice", plain)


def _named(hint: str, text: str, plain: str, digits: str) -> Value | None:
    """Return a text as what its attribute is called, or None if it does not look like that."""
    match hint:
        case "first" | "last":
            return Value(hint, plain)
        case "firm":
            return Value(hint, company_key(text) or plain)
        case "document":
            return Value(hint, digits or plain.replace(" ", ""))
        case "birth":
            return Value(hint, digits) if digits else None
        case "postcode":
            return Value(hint, plain.replace(" ", ""))
        case _:
            # A house number, a state: many have it.
            kind = "region" if hint == "place" and len(plain) < _COUNTED else hint
            return Value(kind, _abbreviated(plain))


def _abbreviated(place: str) -> str:
    return " ".join(_SHORT.get(word, word) for word in place.replace("strasse", "str").split())


def _day(text: str) -> str | None:
    """Return a date as eight digits, year first."""
    if found := _ISO_DATE.match(text) or _PACKED_DATE.match(text):
        year, month, day = found[1], found[2], found[3]
    elif found := _DAY_FIRST.match(text):
        year, month, day = found[3], found[2], found[1]
    else:
        return None
    if not 1880 <= int(year) <= 2100:
        return None
    # Where the first number cannot be the month, the other one is.
    for one, other in ((month, day), (day, month)):
        try:
            return date(int(year), int(one), int(other)).strftime("%Y%m%d")
        except ValueError:
            continue
    return None
