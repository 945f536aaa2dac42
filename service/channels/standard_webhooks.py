"""Standard Webhooks 1.0.0: ``v1`` HMAC-SHA256 signatures over ``{id}.{timestamp}.{body}``. Source: standardwebhooks.com.

The body may be the person's fields, or the envelope ``{"type", "timestamp", "data"}`` around them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.channels.bodies import json_document
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Translation
from service.channels.mapping import submissions_of
from service.channels.signatures import check_fresh, without_credentials
from service.channels.values import as_text

vendor: Final = "standard-webhooks"
title: Final = "Standard Webhooks"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "Give the sender the intake address and the secret (whsec_…). It signs every request with webhook-id, webhook-timestamp and "
    "webhook-signature; any Standard Webhooks library does it."
)

_PREFIX: Final = "whsec_"
_VERSION: Final = b"v1,"
_MIN_BYTES: Final = 16
_MAX_BYTES: Final = 256
_MAX_ID: Final = 256


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    types: Annotated[
        tuple[str, ...] | None,
        Field(description="Values of the envelope's `type` that carry people; others are ignored. Absent: all do."),
    ] = None


def new_secret() -> str | None:
    """Return 32 random bytes in the notation of the standard."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret of the scheme, or None."""
    if signing_key(secret) is None:
        return f"Must be whsec_ and the base64 of {_MIN_BYTES} to {_MAX_BYTES} random bytes."
    return None


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, settings: Any) -> str:
    """Return a shell line that signs and sends a sample with nothing but openssl and curl."""
    kind = settings.types[0] if settings.types else "lead.submitted"
    body = f'{{"type":"{kind}","data":{{"email":"ada@example.com","first_name":"Ada","last_name":"Lovelace"}}}}'
    return (
        f"body='{body}'; id=msg_$(openssl rand -hex 12); ts=$(date +%s); "
        'key=$(printf %s "${SECRET#whsec_}" | openssl base64 -d -A | od -An -vtx1 | tr -d " \\n"); '
        'signature=$(printf %s.%s.%s "$id" "$ts" "$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary '
        "| openssl base64 -A); "
        f"curl -sS '{address}' -H 'content-type: application/json' -H \"webhook-id: $id\" -H \"webhook-timestamp: $ts\" "
        '-H "webhook-signature: v1,$signature" --data-binary "$body"'
    )


@lru_cache(maxsize=4096)
def signing_key(secret: str) -> bytes | None:
    """Return the bytes that sign, or None for what is no such secret; never fewer than 16 of them."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if _MIN_BYTES <= len(key) <= _MAX_BYTES else None


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless one of the ``v1`` signatures is by one of the channel's secrets, fresh, and over a JSON body."""
    headers = request.headers
    try:
        message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        given = headers["webhook-signature"].encode("utf-8", "surrogatepass").split(b" ")
    except KeyError as missing:
        raise Refusal("unsigned", f"The header {missing} is missing.") from None
    if not 0 < len(message_id) <= _MAX_ID:
        raise Refusal("unsigned", f"The header 'webhook-id' must have 1 to {_MAX_ID} characters.")
    check_fresh(timestamp, request.received_at)
    signed = f"{message_id}.{timestamp}.".encode("latin-1", "replace") + request.body
    if not _is_signed(signed, given, channel.secrets):
        raise Refusal("bad_signature", "No signature of the request is by this channel's secret.")
    if not isinstance(json_document(request), dict | list):
        raise Refusal("malformed_body", "The body must be a JSON object.")


def _is_signed(signed: bytes, given: list[bytes], known: tuple[str, ...]) -> bool:
    for secret in known:
        key = signing_key(secret)
        if key is None:
            continue
        expected = _VERSION + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False)
        for signature in given:
            if hmac.compare_digest(signature, expected):
                return True
    return False


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: the standard has no handshake."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 202 with the delivery's id: stored, not yet understood."""
    return Reply(202, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the ``webhook-id``: it is signed, and the same over all retries."""
    return request.headers.get("webhook-id")


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person in ``data``, or in the body itself when it has no envelope."""
    body = json_document(request)
    if isinstance(body, dict) and isinstance(body.get("data"), dict | list):
        kind, items = as_text(body.get("type")), body["data"]
        if channel.settings.types is not None and kind not in channel.settings.types:
            return Translation(ignored="The channel does not take events of this type.")
        body = items if isinstance(items, list) else {name: value for name, value in body.items() if name != "type"}
    return Translation(submissions=submissions_of(body, channel, at=request.received_at))
