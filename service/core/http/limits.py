"""Limits on what is read at all: the size of bodies and of headers. Pure ASGI; a request within its limits is not touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core.errors import ServiceError
from service.core.http.problems import render
from service.settings import Settings

_MOST_HEADER_BYTES: Final = 64 << 10
# Addresses whose bodies hold many things at once, and those whose bodies are files that stream in.
_BATCHES: Final = "/batch"
_FILES: Final = ("/v1/imports", "/v1/imports/suggest")


class BodyLimit:
    """Answers 413 to a body over the limit: at once if it says its length, and otherwise when it has grown too long.

    ``told`` is called with what is refused at once; the rest goes through ``app``.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, told: Callable[[Scope, ServiceError], None] | None = None
    ) -> None:
        self._app = app
        self._told = told
        self._usual = settings.max_body_bytes
        self._batch = settings.max_batch_bytes
        self._file = settings.max_import_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        limit = self._batch if path.endswith(_BATCHES) else self._file if path in _FILES else self._usual
        size, length, streamed = 0, b"", False
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                streamed = True
        refusal = _refusal(size, length, limit)
        if refusal is not None:
            if self._told is not None:
                self._told(scope, refusal)
            await render(refusal, scope["path"])(scope, receive, send)
            return
        await self._app(scope, _counting(receive, limit) if streamed or not length else receive, send)


def _refusal(size: int, length: bytes, limit: int) -> ServiceError | None:
    if size > _MOST_HEADER_BYTES:
        return ServiceError(f"the header fields are longer than {_MOST_HEADER_BYTES} bytes", code="headers_too_large")
    if length and not length.isdigit():
        return ServiceError("Content-Length must be a number", code="bad_request")
    if length and (len(length) > 18 or int(length) > limit):
        return ServiceError(_too_large(limit), code="payload_too_large", limit=limit)
    return None


def _counting(receive: Receive, limit: int) -> Receive:
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            # An HTTPException, because FastAPI turns any other error of a body's reading into a 400.
            raise HTTPException(413, _too_large(limit))
        return message

    return counted


def _too_large(limit: int) -> str:
    return f"the body is longer than {limit} bytes"
