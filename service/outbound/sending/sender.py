"""Sending one webhook: bounded in time and size, over connections that are kept for a while, to nobody that the guard refuses.

Each gate of the guard has connections of its own, so that a connection which was opened for one target is never used for another that
would not have been let through.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, Self

import aiohttp

from service.core import clock
from service.core.retry_after import seconds_asked
from service.outbound.sending.answers import KEPT_BYTES, Answer, Outgoing, Trouble
from service.outbound.sending.guard import Gate, Guard
from service.outbound.sending.resolving import GuardedResolver, Resolve, ask_the_dns, ask_the_system
from service.outbound.sending.targets import AddressRefused, Target
from service.outbound.sending.tokens import NoToken, Tokens

TIMEOUT_SECONDS: Final = 15.0

# Below the five seconds after which the servers of Node and Python hang up.
_KEPT_SECONDS: Final = 4.0
_KEPT_ORIGINS: Final = 256
_HEADERS: Final = {"user-agent": "lead-lifecycle/1", "accept": "*/*", "accept-encoding": "identity"}
_LAST_TRY: Final = 3
_LONGEST_TOKEN: Final = 16_384


@dataclass(slots=True)
class _Try:
    """What is known of the request in hand: whether a connection was opened for it, and the status once there is one."""

    opened: bool = False
    status: int | None = None


_try: ContextVar[_Try] = ContextVar("try")


class Sender:
    """Sends webhooks. ``allow`` holds the host names, addresses and networks that are reached though they are not public.

    Use one per process, and `close` it, or use it as a context. How many requests are under way at once is for those who send to bound.
    ``resolve`` and ``tls`` are for those who have name servers or certificates of their own.
    """

    def __init__(
        self,
        allow: Sequence[str] = (),
        timeout: float = TIMEOUT_SECONDS,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = Guard(allow)
        self._timeout = timeout
        self._resolve = resolve
        self._tls = tls
        self._sessions: dict[tuple[Gate, bool], aiohttp.ClientSession] = {}
        self._is_closed = False
        self._tokens = Tokens(partial(self.send, kept=_LONGEST_TOKEN))
        self._kept: OrderedDict[str, float] = OrderedDict()

    def check(self, url: str) -> None:
        """Raise `AddressRefused` for an address that nothing will ever be sent to; asks nobody for the addresses of a name."""
        self._guard.gate_for(url)

    async def send(self, outgoing: Outgoing, *, kept: int = KEPT_BYTES) -> Answer:
        """Send it and return what came of it, with the first ``kept`` bytes of the answer; raises nothing but cancellation."""
        started = time.perf_counter()
        if outgoing.token_from is not None:
            try:
                token = await self._tokens.token(outgoing.token_from)
            except NoToken as missing:
                return _failed(missing.trouble, started)
            outgoing = Outgoing(outgoing.url, {**outgoing.headers, "authorization": f"Bearer {token}"}, outgoing.body)
        return await self._sent(outgoing, kept=kept, started=started)

    async def _sent(self, outgoing: Outgoing, *, kept: int, started: float) -> Answer:
        try:
            gate, target = self._guard.gate_for(outgoing.url)
            if not _is_writable(outgoing.headers):
                return _failed("request_invalid", started)
            if self._is_closed:
                return _failed("disconnected", started)
            async with asyncio.timeout(self._timeout):
                return await self._send(gate, target, outgoing, kept=kept, started=started)
        except AddressRefused:
            return _failed("address_refused", started)
        except TimeoutError:
            return Answer(_try.get().status, "timeout", _milliseconds(started))
        except aiohttp.ClientConnectorDNSError:
            return _failed("dns_failed", started)
        except (aiohttp.ClientSSLError, ssl.SSLError):
            return _failed("tls_failed", started)
        except aiohttp.ClientConnectorError:
            return _failed("connect_failed", started)
        except (aiohttp.ClientConnectionError, OSError):
            return _failed("disconnected", started)
        except (aiohttp.ClientError, ValueError):
            return _failed("protocol_error", started)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        self._is_closed = True
        for session in self._sessions.values():
            await session.close()
        # One turn of the loop, in which the sockets are really closed.
        await asyncio.sleep(0)

    async def _send(self, gate: Gate, target: Target, outgoing: Outgoing, *, kept: int, started: float) -> Answer:
        """Send it, and once more when a connection that had been kept turns out to be closed: then nobody has read it."""
        session = self._session(gate, keep=self._keeps(target.origin))
        for left in reversed(range(_LAST_TRY)):
            _try.set(tried := _Try())
            try:
                return await self._exchange(session, target, outgoing, kept=kept, started=started)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if tried.opened or not left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _exchange(
        self, session: aiohttp.ClientSession, target: Target, outgoing: Outgoing, *, kept: int, started: float
    ) -> Answer:
        async with session.post(
            target.url, data=outgoing.body, headers=outgoing.headers, allow_redirects=False
        ) as response:
            _try.get().status = status = response.status
            beginning = await _beginning(response, kept)
            wait = seconds_asked(response.headers.get("retry-after"), clock.now())
        error: Trouble | None = "redirect" if 300 <= status <= 399 else None
        return Answer(status, error, _milliseconds(started), beginning, wait)

    def _session(self, gate: Gate, *, keep: bool) -> aiohttp.ClientSession:
        return self._sessions.get((gate, keep)) or self._open(gate, keep=keep)

    def _open(self, gate: Gate, *, keep: bool) -> aiohttp.ClientSession:
        guard = self._guard

        def connectable(info: Any) -> socket.socket:
            """Return a socket for an address that is about to be connected to: the last place where it can be refused."""
            family, kind, protocol, _, place = info
            guard.check(gate, ip_address(place[0]))
            _try.get().opened = True
            made = socket.socket(family, kind, protocol)
            made.setblocking(False)
            return made

        if self._tls is None:
            self._tls = ssl.create_default_context()
        resolve = self._resolve or (ask_the_system if gate == "named" else ask_the_dns())
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            resolver=GuardedResolver(guard, gate, resolve),
            socket_factory=connectable,
            use_dns_cache=False,
            # Those who send bound what is under way, each for itself: a common bound would let some wait for others.
            limit=0,
            **({"keepalive_timeout": _KEPT_SECONDS} if keep else {"force_close": True}),
        )
        session = aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS if keep else {**_HEADERS, "connection": "close"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=2 * KEPT_BYTES,
        )
        self._sessions[gate, keep] = session
        return session

    def _keeps(self, origin: str) -> bool:
        """Return whether connections to a host may be kept: those of the last hosts sent to, so that thousands of hosts do not pile up."""
        now = time.monotonic()
        kept = self._kept
        if origin not in kept and len(kept) >= _KEPT_ORIGINS:
            oldest = next(iter(kept))
            if now - kept[oldest] < 2 * _KEPT_SECONDS:
                return False
            del kept[oldest]
        kept[origin] = now
        kept.move_to_end(origin)
        return True


async def _beginning(response: aiohttp.ClientResponse, kept: int) -> bytes:
    """Return the first bytes of a body; a connection with more to come is closed."""
    found = bytearray()
    try:
        while len(found) < kept:
            piece = await response.content.read(kept - len(found))
            if not piece:
                return bytes(found)
            found += piece
    except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError):
        # It hung up in the middle of a body; its status has been read.
        return bytes(found)
    if not response.content.at_eof():
        response.close()
    return bytes(found)


def _is_writable(headers: Mapping[str, str]) -> bool:
    return all(
        name.isascii() and name.isprintable() and value.isascii() and value.isprintable()
        for name, value in headers.items()
    )


def _failed(error: Trouble, started: float) -> Answer:
    return Answer(None, error, _milliseconds(started))


def _milliseconds(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
