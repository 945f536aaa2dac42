"""Signatures of Standard Webhooks 1.0.0: HMAC-SHA256 over ``{id}.{timestamp}.{body}``. Source: standardwebhooks.com, api.md."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets as chance
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

PREFIX: Final = "whsec_"
SHORTEST_KEY: Final = 24
LONGEST_KEY: Final = 64
_NEW_KEY: Final = 32


class SecretRefused(ValueError):
    """What was given is no secret of the standard; ``str`` says why, and never quotes it."""


def new_secret() -> str:
    """Return a secret of 32 random bytes: ``whsec_`` and their base64."""
    return PREFIX + base64.b64encode(chance.token_bytes(_NEW_KEY)).decode()


@lru_cache(maxsize=4096)
def parse_secret(secret: str) -> bytes:
    """Return the bytes that sign, 24 to 64 of them; raises `SecretRefused`."""
    if not secret.startswith(PREFIX):
        raise SecretRefused(f"A secret begins with {PREFIX}.")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretRefused(f"What follows {PREFIX} must be base64, padded with = to a multiple of four.") from None
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise SecretRefused(f"A secret has {SHORTEST_KEY} to {LONGEST_KEY} bytes; this one has {len(key)}.")
    return key


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``: one ``v1,…`` for each secret, the newest first.

    ``timestamp`` is in seconds since 1970, ``body`` the raw bytes that are sent. The id must have no full stop, which separates the parts.
    """
    if not secrets:
        raise SecretRefused("Nothing is sent unsigned.")
    if "." in message_id:
        raise ValueError("a message id must not have a full stop")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(_signature(parse_secret(secret), signed) for secret in secrets)


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False).decode()
