"""`Idempotency-Key`: a POST that is sent twice happens once, and is answered twice.

The answer is kept in the transaction of the effect it tells of, so neither can exist without the other. While a request is being
worked on, an advisory lock of its transaction stands for its key; a crash releases it. A refusal by the operation is an answer too: the
operation runs in a savepoint then, so that what it did is undone and the answer still kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from service.core import clock, store
from service.core.errors import Conflict, Invalid, ServiceError
from service.core.http.problems import render, status_of
from service.core.http.unit import Unit

KEPT: Final = timedelta(hours=24)
# Refusals that say nothing about what the request asks for, but about how it was sent: it may well be sent again.
_NOT_KEPT: Final = {401, 403, 412, 413, 415, 428, 429, 431}
_BARE: Final = re.compile(r"[\x21\x23-\x7e]{1,255}")
_QUOTED: Final = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
# What makes up the answer; all else about it (ids, rates, dates) belongs to the exchange.
_KEPT_HEADERS: Final = {"content-type", "location", "etag", "link"}


class InProgress(Conflict):
    """The first request with this key has not been answered yet."""

    code = "idempotency_in_progress"

    def __init__(self) -> None:
        super().__init__("a request with this Idempotency-Key is being worked on; try again in a second")
        self.headers = {"Retry-After": "1"}


class KeyReused(ServiceError):
    """The key stands for another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        where, why = "header:Idempotency-Key", "this Idempotency-Key was used for another request; take a new one"
        super().__init__(why, errors=[{"pointer": where, "detail": why}])


@dataclass(frozen=True, slots=True)
class _Claim:
    key_id: UUID
    idempotency_key: str
    fingerprint: bytes
    now: datetime

    @property
    def since(self) -> datetime:
        return self.now - KEPT

    @property
    def lock(self) -> int:
        named = self.key_id.bytes + self.idempotency_key.encode()
        return int.from_bytes(hashlib.sha256(named).digest()[:8], signed=True)


def key_of(request: Request) -> str | None:
    """Return the request's ``Idempotency-Key`` without its quotes, or None; raise `Invalid` when it is malformed."""
    given = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    if not given:
        return None
    text: str = given[0].decode("latin-1").strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    if len(given) > 1 or not (1 <= len(text) <= 255 if quoted else _BARE.fullmatch(text)):
        raise Invalid(
            "header:Idempotency-Key", "Idempotency-Key must be 1 to 255 printable ASCII characters, sent once"
        )
    return text


async def once(
    request: Request,
    unit: Unit,
    key_id: UUID,
    key: str,
    answer: Callable[[], Awaitable[Response]],
    *,
    streams: bool = False,
) -> Response:
    """Return the answer kept for the key, or let ``answer`` happen and keep what it answers; the caller commits.

    Of a body that ``streams`` only the length counts, and the database is to be patient while it comes in.
    """
    claim = _Claim(key_id, key, await _fingerprint(request, whole=not streams), clock.now())
    connection = await unit.connection()
    if streams:
        await store.be_patient(connection)
    if (kept := await _claimed(connection, claim)) is not None:
        return kept
    savepoint = await connection.begin_nested()
    try:
        response = await answer()
    except Exception as error:
        if not _is_answer(error):
            raise
        await savepoint.rollback()
        response = render(error, request.scope["path"])
    else:
        await savepoint.commit()
    await _keep(connection, claim, response)
    return response


async def forget_expired(connection: AsyncConnection, now: datetime, *, limit: int = 5000) -> int:
    """Delete up to ``limit`` answers that are older than 24 hours and return how many; for the worker."""
    return await store.forget_answers(connection, before=now - KEPT, limit=limit)


async def _claimed(connection: AsyncConnection, claim: _Claim) -> Response | None:
    found = await store.claim_answer(
        connection, lock=claim.lock, key_id=claim.key_id, idempotency_key=claim.idempotency_key, since=claim.since
    )
    if found["status"] is not None:
        if found["fingerprint"] != claim.fingerprint:
            raise KeyReused
        return _replayed(found)
    if not found["claimed"]:
        raise InProgress
    return None


async def _keep(connection: AsyncConnection, claim: _Claim, response: Response) -> None:
    headers = [[name, value] for name, value in response.headers.items() if name in _KEPT_HEADERS]
    kept = await store.keep_answer(
        connection,
        key_id=claim.key_id,
        idempotency_key=claim.idempotency_key,
        fingerprint=claim.fingerprint,
        status=response.status_code,
        headers=orjson.dumps(headers).decode(),
        body=bytes(response.body),
        created_at=claim.now,
        since=claim.since,
    )
    if not kept:
        # The claim's statement began before the other request committed, and took the lock after: that one's answer stands.
        raise InProgress


def _replayed(kept: dict[str, Any]) -> Response:
    response = Response(kept["body"], kept["status"])
    for name, value in kept["headers"]:
        response.headers[name] = value
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _is_answer(error: Exception) -> bool:
    """Tell whether an error is the operation's answer to the request, rather than a word on how it was sent."""
    if isinstance(error, Invalid | InProgress) or not hasattr(error, "code") or not hasattr(error, "extra"):
        return False
    status, _ = status_of(error)
    return 400 <= status < 500 and status not in _NOT_KEPT


async def _fingerprint(request: Request, *, whole: bool) -> bytes:
    scope = request.scope
    body = await request.body() if whole else request.headers.get("content-length", "").encode()
    target = scope.get("raw_path") or scope["path"].encode()
    parts = (scope["method"].encode(), target, scope["query_string"], body)
    return hashlib.sha256(b"\0".join(parts)).digest()
