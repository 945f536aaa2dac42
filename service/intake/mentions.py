"""Mentions: whether a raw delivery tells of somebody by their address, their number or an id, however it is written."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Final
from urllib.parse import unquote_plus

from phonenumbers import NumberParseException, national_significant_number, parse

from service.leads.identities import Identity

# Between two digits of a number: signs and spaces, or their codes in an address (%20).
_GAP: Final = "(?:%2.|[^0-9]){0,4}"
_BETWEEN: Final = r"[^0-9a-z]{0,3}"
_SHORTEST_ID: Final = 3


class Wanted:
    """Whose mentions are looked for: what they are known by."""

    def __init__(self, identities: Collection[Identity]) -> None:
        self.identities = frozenset(identities)
        self._emails = {value for kind, value in identities if kind == "email"}
        self._emails |= {spelt for email in self._emails for spelt in _spelt(email)}
        self._numbers = [number for kind, value in identities if kind == "phone" for number in _national(value)]
        self.ids = {value for kind, value in identities if kind.startswith("external:") and len(value) >= _SHORTEST_ID}

    @cached_property
    def likes(self) -> list[str]:
        """Patterns for LIKE, in lower case, of texts that may well mention their addresses or ids."""
        return sorted({_loosely(value) for value in (*self._emails, *self.ids)})

    @cached_property
    def digits(self) -> str | None:
        """A POSIX pattern of texts that may well mention their numbers."""
        return "|".join(sorted(_GAP.join(number) for _, number in self._numbers)) or None

    def are_in(self, parts: Iterable[bytes | str]) -> bool:
        """Say whether an address or a number of theirs is written in any of these."""
        return any(self._is_in(text) for part in parts for text in _readings(part))

    def _is_in(self, text: str) -> bool:
        return any(_address(email).search(text) for email in self._emails) or any(
            _number(code, number).search(text) for code, number in self._numbers
        )


def _spelt(email: str) -> Iterator[str]:
    """Yield an address as it is written with the letters of its domain's own script."""
    local, _, domain = email.rpartition("@")
    try:
        yield f"{local}@{domain.encode().decode('idna')}".lower()
    except UnicodeError:
        return


def _national(value: str) -> Iterator[tuple[str, str]]:
    try:
        number = parse(value)
    except NumberParseException:
        return
    yield str(number.country_code), national_significant_number(number)


@lru_cache(maxsize=256)
def _address(email: str) -> re.Pattern[str]:
    """Return the pattern of an address, but of no longer one."""
    return re.compile(rf"(?<![\w.+-]){re.escape(email)}(?![\w-]|\.\w)")


@lru_cache(maxsize=256)
def _number(code: str, number: str) -> re.Pattern[str]:
    """Return the pattern of a number with or without its country, but of no longer number."""
    before = rf"(?<!\d)(?:(?:00)?{_BETWEEN.join(code)}{_BETWEEN}(?:0{_BETWEEN})?|0{_BETWEEN})?"
    return re.compile(before + _BETWEEN.join(number) + r"(?!\d)")


def _loosely(value: str) -> str:
    """Return a pattern for LIKE of a text whose signs and foreign letters may be written in some code."""
    return "%" + "%".join(part for part in re.split(r"[^0-9a-z]+", value.lower()) if part) + "%"


def _readings(part: bytes | str) -> Iterator[str]:
    """Yield a text in lower case as it stands, and as it reads when the codes of addresses, JSON and HTML are resolved."""
    text = part if isinstance(part, str) else part.decode("utf-8", errors="replace")
    yield text.lower()
    if "%" in text or "+" in text:
        yield unquote_plus(text).lower()
    if "\\u" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text).lower()
    if "&" in text:
        yield html.unescape(text).lower()
