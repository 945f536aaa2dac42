"""Asking the DNS whether a domain takes mail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

Ask = Callable[[str], Awaitable[bool | None]]
"""Whether a domain takes mail; None where nobody could say."""

_PATIENCE_SECONDS: Final = 5.0
_AT_ONCE: Final = 20
_REMEMBERED_SECONDS: Final = 24 * 3600.0
_MOST_REMEMBERED: Final = 100_000
# A domain without MX records takes mail at its own address (RFC 5321, 5.1).
_OWN_ADDRESSES: Final = (dns.rdatatype.A, dns.rdatatype.AAAA)


def asking(resolver: dns.asyncresolver.Resolver) -> Ask:
    """Return what asks this resolver."""

    async def ask(domain: str) -> bool | None:
        try:
            with suppress(dns.resolver.NoAnswer):
                found = await resolver.resolve(domain, dns.rdatatype.MX, lifetime=_PATIENCE_SECONDS)
                # A single "." says that it takes none (RFC 7505).
                return any(record.exchange != dns.name.root for record in found)
            for kind in _OWN_ADDRESSES:
                with suppress(dns.resolver.NoAnswer):
                    await resolver.resolve(domain, kind, lifetime=_PATIENCE_SECONDS)
                    return True
        except dns.resolver.NXDOMAIN:
            return False
        except (dns.exception.DNSException, OSError, UnicodeError):
            return None
        return False

    return ask


def ask_the_system() -> Ask:
    """Return what asks the resolver that the machine is set up with."""
    return asking(dns.asyncresolver.Resolver())


class MailServers:
    """What is known of domains, each for a day, whatever it is. One per worker."""

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask
        self._known: dict[str, tuple[float, bool]] = {}

    async def take_mail(self, domains: Iterable[str]) -> dict[str, bool | None]:
        """Return for each domain whether it takes mail, or None where nobody could say."""
        wanted = set(domains)
        now = time.monotonic()
        answers: dict[str, bool | None] = {
            domain: self._known[domain][1]
            for domain in wanted
            if domain in self._known and now - self._known[domain][0] < _REMEMBERED_SECONDS
        }
        if missing := sorted(wanted - answers.keys()):
            gate = asyncio.Semaphore(_AT_ONCE)
            found = await asyncio.gather(*(self._ask_for(domain, gate) for domain in missing))
            answers |= dict(zip(missing, found, strict=True))
            self._remember({domain: answer for domain, answer in answers.items() if answer is not None}, now)
        return answers

    async def _ask_for(self, domain: str, gate: asyncio.Semaphore) -> bool | None:
        if self._ask is None:
            self._ask = ask_the_system()
        async with gate:
            return await self._ask(domain)

    def _remember(self, answers: dict[str, bool], now: float) -> None:
        if len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
        self._known |= {domain: (now, answer) for domain, answer in answers.items() if domain not in self._known}
