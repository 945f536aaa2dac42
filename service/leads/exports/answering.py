"""An export as an answer that is sent while it is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from service.core.errors import ServiceError
from service.core.http.negotiation import best_of
from service.leads.exports.exporting import Order, export
from service.leads.exports.formats import MEDIA, Format


class NotAcceptable(ServiceError):
    """None of the formats there are is one that the client takes."""

    code = "not_acceptable"


class _Streamed(StreamingResponse):
    """An answer whose source is closed whatever happens: its connection goes back when the reader goes away."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await cast("AsyncGenerator[bytes]", self.body_iterator).aclose()


def chosen(request: Request, named: Format | None) -> Format:
    """Return the format that was named, or that the ``Accept`` header likes best; raises `NotAcceptable`."""
    if named is not None:
        return named
    media = best_of(request.headers.get("accept"), tuple(MEDIA.values()))
    found: Format | None = next((form for form, offered in MEDIA.items() if offered == media), None)
    if found is None:
        raise NotAcceptable(f"an export is {', '.join(MEDIA.values())}")
    return found


async def answer(request: Request, order: Order) -> Response:
    """Return an export as an answer. Its first part is read now, so that what is wrong is still told by the status."""
    parts = cast("AsyncGenerator[bytes]", export(request.app.state.engine, order))
    try:
        first = await anext(parts)
    except BaseException:
        await parts.aclose()
        raise
    headers = {"Content-Disposition": f'attachment; filename="{order.kind}.{order.format}"', "Vary": "Accept"}
    return _Streamed(_all(first, parts), headers=headers, media_type=MEDIA[order.format])


async def _all(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for part in rest:
            yield part
    finally:
        await rest.aclose()
