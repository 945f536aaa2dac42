"""Domain names: of an e-mail address, of a company's web site, and those that say nothing about a company."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

import email_validator
from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

from service.cleaning.freemail import FREE_MAIL
from service.cleaning.submission import Unusable

_LABEL_LIMIT: Final = 63
# With one letter and the @ sign, an address of the greatest length.
_NAME_LIMIT: Final = 252
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://|^//", re.IGNORECASE)
# Nearly all domains, and quicker to check than by the library. Two hyphens may be an encoded name.
_PLAIN: Final = re.compile(r"(?!.*--)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63})")
_RESERVED: Final = frozenset(email_validator.SPECIAL_USE_DOMAIN_NAMES) - {"test"}
# What others count among them are providers that many have their only mailbox with.
_DISPOSABLE: Final = frozenset(blocklist) - FREE_MAIL


class MailDomain(NamedTuple):
    """What the domain of an e-mail address says: the company's own domain, if any, and who may have a mailbox there."""

    company: str | None
    is_free: bool
    is_disposable: bool


@lru_cache(maxsize=65_536)
def ascii_domain(domain: str) -> str:
    """Return a public domain name in its ASCII (IDNA) form, lower case, or raise `Unusable`."""
    name = domain.lower()
    plain = _PLAIN.fullmatch(name)
    if plain is not None and len(name) <= _NAME_LIMIT and plain[1] not in _RESERVED:
        return name
    if any(len(label) > _LABEL_LIMIT for label in domain.split(".")):
        raise Unusable(f"has a domain with a part longer than {_LABEL_LIMIT} characters")
    try:
        # The library checks the name as mail does. Its test environment only adds the reserved name ``test``.
        checked = validate_email("a@" + name, check_deliverability=False, test_environment=True)
    except (EmailNotValidError, ValueError) as fault:
        raise Unusable(str(fault)) from None
    return checked.ascii_domain.lower()


@lru_cache(maxsize=65_536)
def company_domain(raw: str) -> str:
    """Return the domain that a company registered, from a web address, an e-mail address or a domain name, or raise `Unusable`.

    ``https://www.shop.firma.co.uk/x`` is of ``firma.co.uk``.
    """
    host = _SCHEME.sub("", raw.strip())
    host = re.split(r"[/?#\\\s]", host, maxsplit=1)[0].rpartition("@")[2]
    host = re.sub(r":\d*$", "", host).strip(".")
    registered = _registered(ascii_domain(host))
    if registered is None:
        raise Unusable("is a suffix that many share: give the company's own domain name, like firma.co.uk")
    return registered


@lru_cache(maxsize=65_536)
def mail_domain(domain: str) -> MailDomain:
    """Return what the normalised domain of an e-mail address says; disposable ones are looked for first, with all above them."""
    above = _with_parents(domain)
    if not _DISPOSABLE.isdisjoint(above):
        return MailDomain(None, is_free=False, is_disposable=True)
    if not FREE_MAIL.isdisjoint(above):
        return MailDomain(None, is_free=True, is_disposable=False)
    return MailDomain(_registered(domain), is_free=False, is_disposable=False)


def is_among(domain: str, domains: frozenset[str]) -> bool:
    """Return whether a domain is, or lies below, one of these."""
    return bool(domains) and not domains.isdisjoint(_with_parents(domain))


def _with_parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


def _registered(name: str) -> str | None:
    """Return the part of a domain name that somebody registered; of a provider whose customers do (blogspot.com), its own name."""
    registered = _suffixes(only_icann=False).privatesuffix(name)
    return registered or _suffixes(only_icann=True).privatesuffix(name)


@cache
def _suffixes(*, only_icann: bool) -> PublicSuffixList:
    return PublicSuffixList(only_icann=only_icann)
