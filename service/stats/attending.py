"""Questions are answered while somebody listens: when the client leaves, what it asked for is given up."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from service.core.http.answers import json_answer
from service.core.http.attending import while_there
from service.stats.store.rows import one_turn

_NOBODY_LISTENS: Final = 499
"""The status that proxies write down for a client that left; nobody reads it."""


async def attended(request: Request, answer: Coroutine[Any, Any, Any], *, one_at_a_time: bool = True) -> Response:
    """Return an answer as JSON; cancels it, and the database's work for it, once its client has left.

    ``one_at_a_time``: while it is worked out, no other is that reads rows; or else only while a statement of it runs.
    """
    try:
        return json_answer(await while_there(request, _in_one_turn(answer) if one_at_a_time else answer))
    except ClientDisconnect:
        return Response(status_code=_NOBODY_LISTENS)


async def _in_one_turn(answer: Coroutine[Any, Any, Any]) -> Any:
    with one_turn():
        return await answer
