"""Domain names: of an e-mail address, of a company's web site, and those that say nothing about a company."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

from service.cleaning.freemail import FREE_MAIL
from service.cleaning.submission import Unusable

_LABEL_LIMIT: Final = 63
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://|^//", re.IGNORECASE)


@lru_cache(maxsize=16_384)
def ascii_domain(domain: str) -> str:
    """Return a public domain name in its ASCII (IDNA) form, lower case, or raise `Unusable`."""
    if any(len(label) > _LABEL_LIMIT for label in domain.split(".")):
        raise Unusable(f"has a domain with a part longer than {_LABEL_LIMIT} characters")
    try:
        # The library checks the name as mail does. Its test environment only adds the reserved name ``test``.
        checked = validate_email("a@" + domain.lower(), check_deliverability=False, test_environment=True)
    except (EmailNotValidError, ValueError) as fault:
        raise Unusable(str(fault)) from None
    return checked.ascii_domain.lower()


def company_domain(raw: str) -> str:
    """Return the domain of a web address, an e-mail address or a bare domain name, without ``www.``, or raise `Unusable`."""
    host = _SCHEME.sub("", raw.strip())
    host = re.split(r"[/?#\\\s]", host, maxsplit=1)[0].rpartition("@")[2]
    host = re.sub(r":\d*$", "", host).strip(".")
    name = ascii_domain(host)
    return name.removeprefix("www.") if name.count(".") > 1 else name


def domain_of_mailbox(email: str) -> str | None:
    """Return the company's domain as a normalised e-mail address tells it, or None if its provider serves anybody."""
    domain = email.rpartition("@")[2]
    return None if domain in FREE_MAIL else domain
