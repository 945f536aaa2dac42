"""Names to addresses, once for each connection: what was judged is what is connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.resolver
from aiohttp.abc import AbstractResolver, ResolveResult

from service.outbound.sending.addresses import Address
from service.outbound.sending.guard import Gate, Guard

Resolve = Callable[[str], Awaitable[list[Address]]]
"""Returns the addresses of a name; raises `OSError` when there are none."""

_PATIENCE_SECONDS: Final = 5.0
_REMEMBERED: Final = 2000


async def ask_the_system(host: str) -> list[Address]:
    """Return what this machine takes a name for: its hosts file and its search domains count too."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))


def ask_the_dns() -> Resolve:
    """Return what asks this machine's name servers, and nothing but them.

    The system's own function holds a thread for each question, of which there are few: names whose servers are silent would keep all
    others waiting.
    """
    try:
        return asking(dns.asyncresolver.Resolver())
    except dns.resolver.NoResolverConfiguration:
        return ask_the_system


def asking(resolver: dns.asyncresolver.Resolver) -> Resolve:
    """Return what asks this resolver, and remembers what it said for as long as it says."""
    resolver.cache = dns.resolver.LRUCache(_REMEMBERED)

    async def ask(host: str) -> list[Address]:
        try:
            found = await resolver.resolve_name(host, search=False, lifetime=_PATIENCE_SECONDS)
        except dns.exception.DNSException as trouble:
            raise OSError(f"{host}: {type(trouble).__name__}") from None
        return [ip_address(address) for address in found.addresses()]

    return ask


class GuardedResolver(AbstractResolver):
    """Asks for the addresses of a name and shows them to the guard; aiohttp then connects to these very addresses."""

    def __init__(self, guard: Guard, gate: Gate, resolve: Resolve) -> None:
        self._guard = guard
        self._gate: Gate = gate
        self._resolve = resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - of aiohttp's interface; both are asked for
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raises `AddressRefused`, or `OSError` when there are none."""
        addresses = await self._resolve(host)
        if not addresses:
            raise OSError(f"{host} has no address")
        self._guard.check_all(self._gate, addresses)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Close nothing: there is nothing open."""
