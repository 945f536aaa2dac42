"""A secret that is sent along as it is: in a header, as a Bearer token, as the password of Basic authentication, or in the address.

It is the guard of every vendor that signs nothing. What carries it is never stored.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import Final, Literal

from service.channels.contract import ChannelConfig, Refusal, Request
from service.channels.signatures import any_equal

Place = Literal["any", "header", "basic", "url"]
HEADER: Final = "x-channel-secret"
# What a path takes without being rewritten by anybody on the way.
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]{16,200}")


def fresh_secret() -> str:
    """Return 32 random bytes that fit a header and an address."""
    return secrets.token_urlsafe(32)


def url_secret_fault(secret: str) -> str | None:
    """Return why this cannot be the secret part of an address, or None."""
    return (
        None
        if _UNRESERVED.fullmatch(secret)
        else "Must be 16 to 200 letters, digits, dots, tildes, hyphens or underscores."
    )


def check_shared_secret(
    request: Request, channel: ChannelConfig, *, place: Place = "url", header: str = HEADER
) -> None:
    """Raise `Refusal` unless one of the channel's secrets is where it is expected."""
    given = [proof for proof in _proofs(request, place, header) if proof]
    if not given:
        raise Refusal("unsigned", "The request carries no secret.")
    if not any(any_equal(proof, channel.secrets) for proof in given):
        raise Refusal("wrong_secret", "The secret is not this channel's.")


def _proofs(request: Request, place: Place, header: str) -> list[str | None]:
    if place == "url":
        return [request.url_secret]
    headers = request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    proofs: list[str | None] = []
    if place in {"any", "header"}:
        proofs.append(headers.get(header) if header != "authorization" else token or scheme)
        proofs.append(token.strip() if scheme.lower() == "bearer" else None)
    if place in {"any", "basic"} and scheme.lower() == "basic":
        proofs.append(_password(token))
    if place == "any":
        proofs.append(request.url_secret)
    return proofs


def _password(token: str) -> str | None:
    try:
        return base64.b64decode(token.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return None
