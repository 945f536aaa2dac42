"""What is sent, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

KEPT_BYTES: Final = 2048

Trouble = Literal[
    "address_refused",  # nothing may be sent there
    "request_invalid",  # a header cannot be written as it is
    "dns_failed",  # nobody knows the name
    "connect_failed",  # nobody listens, or the way there is blocked
    "tls_failed",  # the certificate is not the host's, or not to be trusted, or they do not speak TLS
    "timeout",  # not all of it was over in time
    "disconnected",  # hung up before it answered
    "protocol_error",  # what it answered is not HTTP, or too long
    "redirect",  # it points elsewhere; nobody goes there
    "token_rejected",  # whoever gives out access tokens gives us none
    "token_not_fetched",  # whoever gives them out is away
]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A POST that is ready to be sent; ``token_from`` is the one that fetches the access token it is to be sent with."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    token_from: Outgoing | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: a status, or what went wrong. ``body`` has the first 2,048 bytes; ``retry_after`` is in seconds."""

    status: int | None
    error: Trouble | None
    latency_ms: int
    body: bytes = b""
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Return whether it was taken: 2xx, and all of it in time."""
        return self.error is None and self.status is not None and 200 <= self.status <= 299
