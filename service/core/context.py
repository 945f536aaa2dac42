"""What is known about the request being answered, reachable from anywhere below it: its ids, and headers owed to the answer."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as the telemetry and the problems see them."""

    request_id: str
    traceparent: str | None = None
    key_id: str | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def begin(exchange: Exchange) -> None:
    """Make ``exchange`` the current one for everything that runs below this task."""
    _current.set(exchange)


def current() -> Exchange | None:
    """Return the exchange in hand, or None outside of a request."""
    return _current.get()


def request_id() -> str | None:
    """Return the id of the request in hand, or None outside of one."""
    exchange = _current.get()
    return exchange.request_id if exchange else None


def traceparent() -> str | None:
    """Return the W3C ``traceparent`` the caller sent, to be passed on with what the request causes."""
    exchange = _current.get()
    return exchange.traceparent if exchange else None
