"""Work is done while somebody waits for it: when the client leaves, what it asked for is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")

# Most answers are there before it pays to look whether anybody still waits for them.
_AT_ONCE: Final = 0.1


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what comes of work for a request whose body was read; cancels it, and raises ``ClientDisconnect``, once its client has left."""
    task = asyncio.ensure_future(work)
    gone: asyncio.Future[None] | None = None
    try:
        if not (await asyncio.wait({task}, timeout=_AT_ONCE))[0]:
            gone = asyncio.ensure_future(_gone(request))
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientDisconnect
        return task.result()
    finally:
        unfinished = {future for future in (task, gone) if future is not None and not future.done()}
        for future in unfinished:
            future.cancel()
        if unfinished:
            await asyncio.wait(unfinished)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
