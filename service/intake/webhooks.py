"""The addresses vendors send to, as the OpenAPI document describes them; `service.intake.reception` answers."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Response

from service.core.http import openapi
from service.intake.reception import WebhookRoute

PATHS: Final = (("/v1/intake/{channel_key}", ""), ("/v1/intake/{channel_key}/{url_secret}", "_by_url_secret"))
_OWN_FORM: Final = {"description": "Accepted, in the vendor's own form"}
_BODY: Final = {
    "required": True,
    "description": "Whatever the vendor sends",
    "content": {
        media: {"schema": {}}
        for media in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/xml")
    },
}


def install_intake(app: FastAPI) -> None:
    """Add the webhook addresses to ``app``, before anything else: they are asked for the most, and routes are tried in order.

    ``app.state.reception`` must be a `Reception` when the first request comes; stop it when the application stops.
    """
    known = len(app.router.routes)
    for path, suffix in PATHS:
        endpoint = _by_url_secret if suffix else _by_channel
        deliver: dict[str, Any] = {"status_code": 202, "responses": {200: _OWN_FORM, "default": openapi.PROBLEM}}
        _add(
            app,
            "POST",
            path,
            endpoint,
            f"deliver{suffix}",
            "Deliver to a channel",
            **deliver,
            openapi_extra={"requestBody": _BODY},
        )
        for method, name in (("GET", "answer_handshake"), ("HEAD", "probe_channel")):
            _add(
                app,
                method,
                path,
                endpoint,
                name + suffix,
                "Answer a vendor's handshake",
                responses={"default": openapi.PROBLEM},
            )
    # FastAPI has added its own pages before us.
    app.router.routes[:] = app.router.routes[known:] + app.router.routes[:known]


def _add(app: FastAPI, method: str, path: str, endpoint: Any, name: str, summary: str, **options: Any) -> None:
    app.router.add_api_route(
        path,
        endpoint,
        methods=[method],
        operation_id=name,
        summary=summary,
        tags=["intake"],
        response_class=Response,
        route_class_override=WebhookRoute,
        **options,
    )


async def _by_channel(channel_key: str) -> Response:
    """Answered by the channel's adapter in the vendor's own form; guarded by the vendor's own scheme, not by an API key."""
    raise AssertionError(f"WebhookRoute answers {channel_key}")


async def _by_url_secret(channel_key: str, url_secret: str) -> Response:
    """Answered as without the secret; for vendors that can neither sign nor send a header."""
    raise AssertionError(f"WebhookRoute answers {channel_key}/{len(url_secret)}")
