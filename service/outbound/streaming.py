"""The feed as server-sent events: one long answer, which a client continues where it ended with ``Last-Event-ID``."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import Final

from fastapi.sse import format_sse_event
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.core import outage
from service.core.http import auth
from service.core.http.attending import while_there
from service.core.http.unit import connect
from service.outbound import feed, following_store
from service.outbound.feed import Entry, Part, Wanted
from service.outbound.schemas import FeedQuery
from service.outbound.store import Place
from service.outbound.tail import Tail

SCOPE: Final = "leads:read"
# What a client may have in hand besides what is under way: the next part is read when this one is taken.
_PART: Final = 100
KEEP_ALIVE: Final = 15.0
LIFE: Final = 600.0
# How long after its time a client may take to accept the last part.
_PATIENCE: Final = 30.0
_RETRY_MS: Final = 2000
_OUTAGE_PAUSE: Final = 1.0
_KEEP_ALIVE_COMMENT: Final = b": keep-alive\n\n"


async def open_stream(request: Request, query: FeedQuery, last_event_id: str | None) -> EventStream:
    """Return the answer that tells of each event as it happens, or raise `Invalid`.

    It begins after the event, or at the cursor, that the client names; with the next event there will be when it names none.
    """
    wanted = feed.wanted_by(query)
    after, pointer = (last_event_id, "header:Last-Event-Id") if last_event_id else (query.after, "?after")
    async with aclosing(await connect(request.app.state.engine, isolation="AUTOCOMMIT")) as connection:
        if after is None:
            place = await following_store.end_of_feed(connection)
        else:
            place = await feed.place_of(connection, after, wanted, pointer=pointer)
    return EventStream(request, place, wanted)


class EventStream(Response):
    """A stretch of the feed, sent while it happens. The next part is read when the last one was taken: who reads slowly is behind alone."""

    media_type = "text/event-stream"

    def __init__(self, request: Request, seen: Place, wanted: Wanted) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._request = request
        self._seen = seen
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client leaves, the service stops, the key is revoked, or the time is up."""
        tail: Tail = scope["app"].state.tail
        try:
            async with asyncio.timeout(LIFE + _PATIENCE) as patience:
                with tail.seat("stream", patience):
                    await while_there(Request(scope, receive), self._send(tail, send))
        except TimeoutError:
            if not patience.expired():
                raise
            # It has stopped reading: there is no way to tell it that this is the end.
            raise ClientDisconnect from None

    async def _send(self, tail: Tail, send: Send) -> None:
        clock = asyncio.get_running_loop()
        # Those that began together need not all come back together.
        ends, checked = clock.time() + LIFE * random.uniform(0.9, 1), clock.time()  # noqa: S311  no secret
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        # A client that is cut off before its first event knows where to go on as well.
        await _say(send, format_sse_event(id=feed.cursor_of(self._seen, self._wanted), retry=_RETRY_MS))
        while not tail.stopping and clock.time() < ends:
            part = await self._next(tail, until=min(clock.time() + KEEP_ALIVE, ends))
            self._seen = part.seen
            await _say(send, b"".join(map(_frame, part.entries)) if part.entries else self._still_here())
            if clock.time() - checked >= KEEP_ALIVE:
                if not await self._is_welcome():
                    break
                checked = clock.time()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, tail: Tail, *, until: float) -> Part:
        try:
            return await tail.read(self._seen, self._wanted, limit=_PART, until=until)
        except Exception as error:
            if outage.retry_after(error) is None:
                raise
            # An answer that has begun cannot become a 503; the database will be back.
            await asyncio.sleep(_OUTAGE_PAUSE)
            return Part((), self._seen)

    async def _is_welcome(self) -> bool:
        try:
            return await auth.still_may(self._request, SCOPE)
        except Exception as error:
            if outage.retry_after(error) is None:
                raise
            return True

    def _still_here(self) -> bytes:
        if not self._wanted.types:
            return _KEEP_ALIVE_COMMENT
        # What was looked through in vain need not be looked through again.
        return format_sse_event(comment="keep-alive", id=feed.cursor_of(self._seen, self._wanted))


def _frame(entry: Entry) -> bytes:
    return format_sse_event(event=entry.row["type"], data_str=entry.text, id=str(entry.row["id"]))


async def _say(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
