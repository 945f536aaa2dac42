"""What is told about each request: its id on the answer, a line in the log, two metrics; and the end of every unknown error."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core import context
from service.core.context import Exchange
from service.core.ids import new_id_text
from service.settings import Settings

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_TRACEPARENT: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_UNMATCHED: Final = "(unmatched)"
_ABANDONED: Final = 499

_REQUESTS: Final = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
_SECONDS: Final = Histogram(
    "http_request_duration_seconds",
    "From the request's head to the last byte of its answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_log = structlog.get_logger(__name__)


class Telemetry:
    """The outermost middleware; pure ASGI."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._access_log = settings.access_log
        # Looking a labelled metric up costs more than counting with it.
        self._counters: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        exchange = _exchange(scope["headers"])
        context.begin(exchange)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", exchange.request_id.encode()),
                    *exchange.headers,
                ]
                if exchange.key_id is not None:
                    # What it took until the answer began, in milliseconds. Who has no key has a clock, and is given no better one.
                    taken = (time.perf_counter() - began) * 1000
                    message["headers"].append((b"server-timing", b"app;dur=%.2f" % taken))
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            _log.info("client_disconnected")
        except Exception:
            _log.exception("request_failed", method=scope["method"], route=_template(scope))
            if status:
                raise
            await Response(status_code=500)(scope, receive, answer)
        finally:
            self._tell(scope, exchange, status or _ABANDONED, time.perf_counter() - began)

    def _tell(self, scope: Scope, exchange: Exchange, status: int, seconds: float) -> None:
        method, route = scope["method"], _template(scope)
        if method not in _METHODS:
            method = "OTHER"
        metrics = self._counters.get((method, route, status))
        if metrics is None:
            metrics = _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(method, route)
            self._counters[method, route, status] = metrics
        metrics[0].inc()
        metrics[1].observe(seconds)
        if self._access_log:
            # Never the path itself: intake addresses may carry a secret.
            _log.info(
                "http_request",
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 2),
                key_id=exchange.key_id,
            )


def metrics_page() -> Response:
    """Return this process's metrics, or all processes' where ``PROMETHEUS_MULTIPROC_DIR`` says they share a folder."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _exchange(headers: list[tuple[bytes, bytes]]) -> Exchange:
    request_id = traceparent = None
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent" and _TRACEPARENT.fullmatch(value):
            traceparent = value.decode()
    return Exchange(request_id or new_id_text(), traceparent)


def _template(scope: Scope) -> str:
    """Return the address as it was declared, with its parameters' names in place of their values."""
    effective = scope.get("fastapi", {}).get("effective_route_context")
    if effective is not None:
        return str(effective.path_format)
    return getattr(scope.get("route"), "path", _UNMATCHED)
