"""The webhook path: the least that is safe between a vendor's request and our answer.

Read the raw body, verify, hand the delivery to the group committer, answer when it is durable. What is refused leaves a log line and a
counter, nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson
import structlog
from fastapi.routing import APIRoute
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from service.channels.contract import Refusal, Reply, Request
from service.core import clock
from service.core.errors import ServiceError
from service.core.ids import bucket_of_text, new_id_text
from service.intake.committer import Committer
from service.intake.directory import Channel, Directory
from service.intake.refusals import Refusals
from service.intake.store import ARRIVAL_COLUMNS
from service.settings import Settings

_log = structlog.get_logger(__name__)

ACCEPTED: Final = Counter("intake_accepted", "Deliveries made durable and acknowledged", ["channel"])
REFUSED: Final = Counter(
    "intake_refused", "Deliveries refused, by reason; nothing of them is stored", ["channel", "code"]
)

_UNKNOWN: Final = "(unknown)"
_CODES: Final = {405: "method_not_allowed", 413: "payload_too_large"}


class Reception:
    """What the webhook path needs in one process: the channels, the committer, and our own address. ``app.state.reception``."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self.directory = Directory(engine)
        self.committer = Committer(engine, table="deliveries", columns=ARRIVAL_COLUMNS, limit=settings.intake_queue)
        self.refusals = Refusals(engine)
        self._origin = str(settings.public_url).rstrip("/") if settings.public_url else None

    async def stop(self) -> None:
        """Make durable what was accepted, and how much was not."""
        await self.committer.stop()
        await self.refusals.stop()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; raises what is not answered in the vendor's own form: see `answer`."""
        _hide_secret(scope)
        reply = await self.answer(scope, receive)
        headers = [(b"content-length", str(len(reply.body)).encode())]
        if reply.body:
            headers.append((b"content-type", reply.content_type.encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    async def answer(self, scope: Scope, receive: Receive) -> Reply:
        """Return the answer to a request; raises `Refusal`, `ServiceError` or ``HTTPException``."""
        given = scope["path_params"]
        key, url_secret = given["channel_key"], given.get("url_secret")
        label = _UNKNOWN
        try:
            channel = await self.directory.find(key)
            label = key
            request = await self._request(scope, receive, url_secret)
            if request.method != "POST":
                return _handshake(request, channel)
            return await self._deliver(request, channel)
        except (Refusal, ServiceError, HTTPException) as refusal:
            self._tell(label, refusal)
            raise

    def count_refusal(self, scope: Scope, refusal: ServiceError) -> None:
        """Count what was refused before it came here, under its channel if we know it."""
        key = scope["path"].split("/")[3]
        self._tell(key if self.directory.knows(key) else _UNKNOWN, refusal)

    def _tell(self, channel: str, refusal: Exception) -> None:
        code = getattr(refusal, "code", None) or _CODES.get(getattr(refusal, "status_code", 400), "bad_request")
        REFUSED.labels(channel, code).inc()
        if channel != _UNKNOWN:
            self.refusals.count(channel, code)
        _log.warning("intake_refused", channel=channel, code=code)

    async def _deliver(self, request: Request, channel: Channel) -> Reply:
        try:
            channel.adapter.verify(request, channel.config)
        except Refusal:
            newer = await self.directory.newer(channel)
            if newer is None:
                raise
            channel = newer
            channel.adapter.verify(request, channel.config)
        adapter, config = channel.adapter, channel.config
        handshake = adapter.handshake(request, config)
        if handshake is not None:
            return handshake
        delivery_id = new_id_text()
        headers, query, body = adapter.redact(request, config)
        # What was made of the body would outlive the young, and be walked by the collector, while the commit is waited for.
        request.parsed = None
        await self.committer.write(
            (
                delivery_id,
                bucket_of_text(delivery_id),
                config.key,
                request.received_at,
                request.method,
                orjson.dumps(headers).decode(),
                query,
                body,
                "received",
            )
        )
        _accepted(config.key).inc()
        return adapter.reply(delivery_id, config)

    async def _request(self, scope: Scope, receive: Receive, url_secret: str | None) -> Request:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return Request(
            method=scope["method"],
            headers=headers,
            query=scope["query_string"].decode("latin-1"),
            body=await _body(receive),
            received_at=clock.now(),
            url_secret=url_secret,
            origin=self._origin or f"{scope['scheme']}://{headers.get('host', '')}",
            path=scope.get("raw_path") or scope["path"].encode(),
        )


@lru_cache(maxsize=4096)
def _accepted(channel: str) -> Counter:
    # Looking a labelled counter up costs more than counting with it.
    return ACCEPTED.labels(channel)


def _handshake(request: Request, channel: Channel) -> Reply:
    reply = channel.adapter.handshake(request, channel.config)
    if reply is None:
        raise HTTPException(405, "This channel takes POST only.", {"Allow": "POST"})
    return reply


async def _body(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return message.get("body", b"")  # type: ignore[no-any-return]
    chunks: list[bytes] = []
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    raise ClientDisconnect


class WebhookRoute(APIRoute):
    """A route that is answered by the `Reception` itself: no dependencies, no models, no response classes in between."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        reception: Reception = scope["app"].state.reception
        await reception.serve(scope, receive, send)


def _hide_secret(scope: Scope) -> None:
    """Take the secret out of the address, so that no problem and no log line can repeat it."""
    secret = scope["path_params"].get("url_secret")
    if secret is not None:
        scope["path"] = scope["path"].removesuffix(secret) + "{url_secret}"
