"""What the schemes of verification share: constant time, and never an empty secret."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from service.channels.contract import Refusal, Request, Stored

TOLERANCE_SECONDS: Final = 300
_REDACTED: Final = "[redacted]"
_CREDENTIALS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "access_token", "access-token"}
)
_MAX_DIGITS: Final = 13


def any_equal(given: str, secrets: Iterable[str]) -> bool:
    """Return whether the text is one of the secrets, without telling by its time how close it came."""
    found = False
    candidate = given.encode("utf-8", "surrogatepass")
    for secret in secrets:
        found |= bool(secret) and hmac.compare_digest(candidate, secret.encode())
    return found


def check_fresh(seconds: str, now: datetime) -> None:
    """Refuse a timestamp (unix seconds as text) that is no number or more than five minutes away from now."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= _MAX_DIGITS):
        raise Refusal("bad_signature", "The timestamp is not a whole number of seconds.")
    if abs(now.timestamp() - int(seconds)) > TOLERANCE_SECONDS:
        raise Refusal("stale", f"The timestamp is more than {TOLERANCE_SECONDS} seconds away from now.")


def without_credentials(request: Request, *secret_headers: str) -> Stored:
    """Return the delivery with the values of headers that carry credentials replaced."""
    headers: Mapping[str, str] = request.headers
    secret = _CREDENTIALS.union(secret_headers) if secret_headers else _CREDENTIALS
    if not secret.isdisjoint(headers):
        headers = {name: _REDACTED if name in secret else value for name, value in headers.items()}
    return Stored(headers, request.query, request.body)
