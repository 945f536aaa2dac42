"""A short way in for deliveries: past the layers of the framework, which they do not need, and which cost as much as they do themselves."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, cast

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.intake.reception import Reception
from service.intake.webhooks import PATHS

_PREFIX: Final = "/v1/intake/"
# /v1/intake/{channel_key}, or that with /{url_secret}.
_MOST_SLASHES: Final = 4


def is_delivery(scope: Scope) -> bool:
    """Tell whether this is a POST to one of the webhook addresses; handshakes and wrong methods take the usual way."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path: str = scope["path"]
    return path.startswith(_PREFIX) and path.count("/") <= _MOST_SLASHES


def with_shortcut(usual: ASGIApp, deliveries: ASGIApp) -> ASGIApp:
    """Return an application that sends deliveries one way and everything else the other."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        await (deliveries if is_delivery(scope) else usual)(scope, receive, send)

    return choose


class Deliveries:
    """Answers deliveries to ``app``, refusals by its exception handlers; pure ASGI, to be wrapped as the rest of ``app`` is."""

    def __init__(self, app: FastAPI, reception: Reception) -> None:
        self._app = app
        self._reception = reception
        routes = {route.path: route for route in app.routes if hasattr(route, "path")}
        # What telemetry names an address by.
        self._by_channel, self._by_url_secret = (routes[path] for path, _ in PATHS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery; for errors that nobody handles, raise them."""
        key, slash, url_secret = scope["path"].removeprefix(_PREFIX).partition("/")
        scope["app"] = self._app
        scope["path_params"] = {"channel_key": key, "url_secret": url_secret} if slash else {"channel_key": key}
        scope["route"] = self._by_url_secret if slash else self._by_channel
        try:
            await self._reception.serve(scope, receive, send)
        except Exception as error:
            handlers = self._app.exception_handlers
            handler = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)
            if handler is None:
                raise
            # All of ours are asynchronous.
            response = await cast("Awaitable[Response]", handler(Request(scope, receive), error))
            await response(scope, receive, send)
