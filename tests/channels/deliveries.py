"""Deliveries as vendors make them, for tests: a fixed time, one secret, and signatures computed apart from the service's own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from service.channels.contract import ChannelConfig, Refusal, Request
from service.channels.registry import ADAPTERS

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP: Final = str(int(NOW.timestamp()))
STAMP_MS: Final = f"{STAMP}000"
SECRET: Final = "0f8b3c1d9e7a4652b8d0c6f1a2e3947b"
OTHER_SECRET: Final = "ffffffffffffffffffffffffffffffff"


@dataclass(frozen=True, slots=True)
class Sample:
    """A documented delivery that its channel accepts; ``fetched`` is what the vendor would answer when asked for more.

    ``signed`` says that a changed body must be refused; ``secret_words`` are texts that must not be stored.
    """

    request: Request
    channel: ChannelConfig
    signed: bool = True
    fetched: Mapping[str, bytes] = field(default_factory=dict)
    secret_words: Sequence[str] = ()


def channel_of(vendor: str, *, secrets: tuple[str, ...] = (SECRET,), **settings: Any) -> ChannelConfig:
    return ChannelConfig(
        key="a-channel", vendor=vendor, secrets=secrets, settings=ADAPTERS[vendor].Settings.model_validate(settings)
    )


def post(
    body: bytes, headers: Mapping[str, str] | None = None, *, media: str = "application/json", **known: Any
) -> Request:
    return Request(
        "POST",
        {"content-type": media, **(headers or {})},
        known.pop("query", ""),
        body,
        known.pop("received_at", NOW),
        **{"origin": "https://leads.example.com", "path": b"/v1/intake/a-channel", **known},
    )


def get(query: str = "", *, method: str = "GET", **known: Any) -> Request:
    return Request(
        method, {}, query, b"", NOW, origin="https://leads.example.com", path=b"/v1/intake/a-channel", **known
    )


def again(request: Request, **changes: Any) -> Request:
    """Return the request as a new one, changed; nothing that was made of it is kept."""
    return replace(request, **{"parsed": None, **changes})


def stored(request: Request, channel: ChannelConfig, **known: Any) -> Request:
    """Return the delivery as the worker reads it back."""
    headers, query, body = ADAPTERS[channel.vendor].redact(request, channel)
    return Request(request.method, headers, query, body, request.received_at, **known)


def to_body(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def hmac_hex(message: bytes, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), message, getattr(hashlib, algorithm)).hexdigest()


def hmac_base64(message: bytes, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return base64.b64encode(hmac.new(secret.encode(), message, getattr(hashlib, algorithm)).digest()).decode()


def refusal(call: Callable[[], Any]) -> str:
    """Return the code of the refusal that a call must end in."""
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value.code
