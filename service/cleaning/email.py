"""E-mail addresses: one spelling per mailbox."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

from service.cleaning.domains import ascii_domain
from service.cleaning.submission import Unusable

EMAIL_LIMIT: Final = 320
_LOCAL_LIMIT: Final = 64
_TOTAL_LIMIT: Final = 254
_TOO_LONG: Final = "is too long: at most 64 characters before the @ sign and 254 in all"
# RFC 5322 dot-atom, already lower case: all but a few mailboxes, and quicker to check than by the library.
_DOT_ATOM: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SIMPLE: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]+@[a-z0-9.-]+")
_IN_BRACKETS: Final = re.compile(r"<([^<>]*@[^<>]*)>")
_BETWEEN: Final = re.compile(r"[,;\s]+")


def clean_email(raw: str) -> str:
    """Return an e-mail address in lower case with an ASCII (IDNA) domain, or raise `Unusable` with the reason.

    ``Anna <anna@firma.de>``, ``mailto:`` and full-width characters are understood; of several addresses the first is taken.
    """
    if len(raw) > EMAIL_LIMIT:
        raise Unusable(f"is longer than {EMAIL_LIMIT} characters")
    address = raw.lower()
    if not _SIMPLE.fullmatch(address):
        address = _first_address(raw)
    local, at, domain = address.rpartition("@")
    if not at:
        raise Unusable("has no @ sign: an e-mail address looks like name@example.com")
    if not local:
        raise Unusable("has nothing before the @ sign")
    if not domain:
        raise Unusable("has nothing after the @ sign")
    if len(domain) > _TOTAL_LIMIT:
        raise Unusable(_TOO_LONG)
    name = ascii_domain(domain)
    if not _DOT_ATOM.fullmatch(local):
        local = _unusual_local(local, name)
    if len(local) > _LOCAL_LIMIT or len(local) + 1 + len(name) > _TOTAL_LIMIT:
        raise Unusable(_TOO_LONG)
    return f"{local}@{name}"


def _first_address(raw: str) -> str:
    text = raw if raw.isascii() else unicodedata.normalize("NFKC", raw)
    bracketed = _IN_BRACKETS.search(text)
    text = bracketed[1] if bracketed else text
    text = text.strip(" \t\r\n,;<>").lower()
    if text.startswith("mailto:"):
        text = text.removeprefix("mailto:").partition("?")[0]
    pieces = _BETWEEN.split(text)
    return next((piece for piece in pieces if "@" in piece), text) if len(pieces) > 1 else text


def _unusual_local(local: str, domain: str) -> str:
    try:
        checked = validate_email(f"{local}@{domain}", check_deliverability=False, test_environment=True)
    except (EmailNotValidError, ValueError) as fault:
        raise Unusable(str(fault)) from None
    return checked.local_part
