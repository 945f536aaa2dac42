"""Access tokens that run out: fetched when they are needed, kept while they are good, once for all who share them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final

from service.outbound.formats.contract import Format, Outcome
from service.outbound.formats.vendor_answers import document
from service.outbound.sending.answers import Answer, Outgoing

Send = Callable[[Outgoing], Awaitable[Answer]]

_SPARE_SECONDS: Final = 120.0
_SHORTEST_SECONDS: Final = 60.0
_MOST_KEPT: Final = 1000


class Tokens:
    """The tokens in hand. ``send`` sends a POST with an answer of up to 8 kB; one per process."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept: dict[tuple[str, bytes], tuple[float, str]] = {}
        self._fetching: dict[tuple[str, bytes], asyncio.Lock] = {}

    async def fresh(self, one: Format, settings: Any) -> Any | Outcome:
        """Return the settings with a token that is good for now, or the outcome of a try that cannot be made."""
        request = one.token_request(settings)
        if request is None:
            return settings
        token = await self._token(request)
        return token if isinstance(token, Outcome) else settings.model_copy(update={"access_token": token})

    async def _token(self, request: Outgoing) -> str | Outcome:
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

    async def _fetch(self, key: tuple[str, bytes], request: Outgoing) -> str | Outcome:
        answer = await self._send(request)
        said = document(answer)
        token = said.get("access_token")
        if not answer.ok or not isinstance(token, str) or not token.isascii() or not token.isprintable():
            refused = answer.status in {400, 401, 403}
            return Outcome("retry", "token_rejected" if refused else "token_not_fetched", wait=answer.retry_after)
        lasting = said.get("expires_in")
        seconds = float(lasting) if isinstance(lasting, int | float) else 0.0
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (monotonic() + max(seconds - _SPARE_SECONDS, _SHORTEST_SECONDS), token)
        return token
