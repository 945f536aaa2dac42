"""Access tokens that run out (RFC 6749, 5 and 6): fetched when they are needed, kept while they are good, once for all who share them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final

import orjson

from service.outbound.sending.answers import Answer, Outgoing, Trouble

Send = Callable[[Outgoing], Awaitable[Answer]]

_SPARE_SECONDS: Final = 120.0
_SHORTEST_SECONDS: Final = 60.0
_MOST_KEPT: Final = 1000
_REFUSED: Final = frozenset({400, 401, 403})


class NoToken(Exception):
    """There is no token to be had now; ``trouble`` says why."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble: Trouble = trouble


class Tokens:
    """The tokens in hand. ``send`` is what fetches them."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept: dict[tuple[str, bytes], tuple[float, str]] = {}
        self._fetching: dict[tuple[str, bytes], asyncio.Lock] = {}

    async def token(self, request: Outgoing) -> str:
        """Return the token that a request is answered with, or was a while ago; raises `NoToken`."""
        key = (request.url, request.body)
        if (token := self._good(key)) is not None:
            return token
        lock = self._fetching.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return self._good(key) or await self._fetch(key, request)
        finally:
            if not lock.locked():
                self._fetching.pop(key, None)

    def _good(self, key: tuple[str, bytes]) -> str | None:
        until, token = self._kept.get(key, (0.0, ""))
        return token if until > monotonic() else None

    async def _fetch(self, key: tuple[str, bytes], request: Outgoing) -> str:
        answer = await self._send(request)
        said = _document(answer.body)
        token = said.get("access_token")
        if not answer.ok or not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise NoToken("token_rejected" if answer.status in _REFUSED else "token_not_fetched")
        lasting = said.get("expires_in")
        seconds = float(lasting) if isinstance(lasting, int | float) else 0.0
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (monotonic() + max(seconds - _SPARE_SECONDS, _SHORTEST_SECONDS), token)
        return token


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
