"""Asking a vendor for what its delivery only names: one HTTP request, bounded in every way, and what went wrong with it in four words.

::

    Unanswered      kind: token_rejected   the vendor does not know our token, or it may not read this
                          gone             the vendor no longer has it
                          rate_limited     too many questions
                          failed           anything else: it is away, too slow, too long, not JSON, or points elsewhere
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import orjson

from service.channels.contract import ChannelConfig, Fetch, Grievance
from service.core.retry_after import seconds_asked

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 15.0
WHOLE_SECONDS: Final = 20.0
LARGEST_ANSWER: Final = 1 << 20
LONGEST_WAIT: Final = timedelta(hours=6)

_BY_STATUS: Final[Mapping[int, Grievance]] = {
    401: "token_rejected",
    403: "token_rejected",
    404: "gone",
    410: "gone",
    429: "rate_limited",
}
# It logs whole addresses, and some vendors want the token in them.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Unanswered(Exception):
    """A vendor did not tell what it was asked for; ``wait`` is how long it wants to be left alone."""

    def __init__(self, kind: Grievance, detail: str, wait: timedelta | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.wait = wait


def new_client() -> httpx.AsyncClient:
    """Return a client that follows no redirect: the token is for one host only."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
        headers={"accept": "application/json", "user-agent": "lead-lifecycle"},
    )


async def ask(client: httpx.AsyncClient, fetch: Fetch, channel: ChannelConfig, *, now: datetime) -> bytes:
    """Return a vendor's JSON answer; raises `Unanswered`. The address and the token are those of the channel's settings."""
    token = channel.settings.access_token
    if not token and not fetch.anonymous:
        raise Unanswered("token_rejected", "The channel has no access token; set settings.access_token.")
    headers = dict(fetch.headers) if fetch.anonymous else {"authorization": f"Bearer {token}", **fetch.headers}
    address = channel.settings.base_url.rstrip("/") + fetch.path
    try:
        async with (
            asyncio.timeout(WHOLE_SECONDS),
            client.stream("GET", address, params=dict(fetch.query), headers=headers) as answer,
        ):
            body = await _bounded(answer)
    except (TimeoutError, httpx.TimeoutException):
        raise Unanswered("failed", "The vendor did not answer in time.") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unanswered("failed", f"The vendor could not be asked: {type(error).__name__}.") from None
    _judge(fetch, answer, body, now=now)
    return body


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise Unanswered("failed", f"The vendor's answer is longer than {LARGEST_ANSWER} bytes.")
    return bytes(body)


def _judge(fetch: Fetch, answer: httpx.Response, body: bytes, *, now: datetime) -> None:
    """Raise `Unanswered` unless this is the JSON that was asked for; vendors with words of their own for it go first."""
    status, wait = answer.status_code, _wait(answer.headers.get("retry-after"), now)
    document = _json(body)
    grievance = fetch.judge(status, document) if fetch.judge is not None else None
    if grievance is None and status != 200:
        grievance = _BY_STATUS.get(status, "failed")
    if grievance is not None:
        raise Unanswered(grievance, f"The vendor answered {status}{_told(grievance)}.", wait)
    if document is None:
        raise Unanswered("failed", "The vendor's answer is not JSON.", wait)


def _told(grievance: Grievance) -> str:
    return {
        "token_rejected": ": it does not accept the access token, or the token may not read this",
        "gone": ": it no longer has this",
        "rate_limited": ": it is asked too often",
        "failed": "",
    }[grievance]


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _wait(given: str | None, now: datetime) -> timedelta | None:
    """Return what Retry-After asks for, in seconds or as a date; at most six hours."""
    seconds = seconds_asked(given, now)
    return None if seconds is None else min(timedelta(seconds=seconds), LONGEST_WAIT)
