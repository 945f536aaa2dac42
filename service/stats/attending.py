"""Questions are answered while somebody listens: when the client leaves, what it asked for is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from service.core.http.answers import json_answer

# Most answers are there before it pays to look whether anybody still waits for them.
_AT_ONCE: Final = 0.1
_LOOK_EVERY: Final = 0.25

_NOBODY_LISTENS: Final = 499
"""The status that proxies write down for a client that left; nobody reads it."""


async def attended(request: Request, answer: Coroutine[Any, Any, Any]) -> Response:
    """Return an answer as JSON; cancels it, and the database's work for it, once its client has left."""
    task = asyncio.ensure_future(answer)
    patience = _AT_ONCE
    try:
        while not (await asyncio.wait({task}, timeout=patience))[0]:
            if await request.is_disconnected():
                return Response(status_code=_NOBODY_LISTENS)
            patience = _LOOK_EVERY
        return json_answer(task.result())
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
