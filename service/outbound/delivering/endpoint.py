"""An endpoint as its worker knows it: what it wants to hear, and how it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps
from service.outbound.delivering.events import ABOUT_ENDPOINTS, Event
from service.outbound.formats.contract import Format, Skipped
from service.outbound.formats.registry import FORMATS
from service.outbound.sending.answers import Outgoing

Belongs = Callable[[Mapping[str, Any]], bool]
"""Says whether a lead, as an event shows it, is one of those an endpoint wants to hear of."""

Choose = Callable[[AsyncConnection, str | None, Mapping[str, Any] | None], Awaitable[Belongs]]
"""Returns what judges by a segment's key and by filters; raises `Invalid` for what cannot be filtered by. The rooms above know how."""


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """What is set of an endpoint."""

    id: UUID
    url: str
    description: str | None
    types: frozenset[str] | None
    belongs: Belongs | None
    format: Format
    settings: Any
    form: tuple[str, str]
    token_from: Outgoing | None
    secret: str
    previous_secret: str | None
    previous_secret_until: datetime | None
    concurrency: int
    rate: float | None
    revision: int

    def wants(self, event: Event) -> bool:
        """Return whether an event is to be delivered here. With filters, that is only what happens to leads."""
        if self.types is not None and event.type not in self.types:
            return False
        if event.type in ABOUT_ENDPOINTS and event.data["endpoint"]["id"] == str(self.id):
            return False
        if self.belongs is not None and ((lead := event.data.get("lead")) is None or not self.belongs(lead)):
            return False
        return not isinstance(self._body(event), Skipped)

    def outgoing(self, event: Event, *, at: datetime) -> Outgoing | None:
        """Return the request of one try, or None if the event, as it is now, is none for this endpoint."""
        body = self._body(event)
        if isinstance(body, Skipped):
            return None
        headers = self.format.headers_of(
            event.shown, self.settings, body=body, secrets=self.secrets(at), attempted_at=at
        )
        if event.traceparent is not None:
            headers["traceparent"] = event.traceparent
        return Outgoing(self.url, headers, body, self.token_from)

    def skips(self, event: Event) -> str | None:
        """Return why an event is none that the format would send, or None."""
        body = self._body(event)
        return body.why if isinstance(body, Skipped) else None

    def secrets(self, at: datetime) -> list[str]:
        """Return what signs now: after a rotation, both."""
        until = self.previous_secret_until
        if self.previous_secret is not None and until is not None and at < until:
            return [self.secret, self.previous_secret]
        return [self.secret]

    @property
    def shown(self) -> dict[str, Any]:
        """Return the endpoint as events tell of it; its address may be a secret, but for the host."""
        return {"id": str(self.id), "host": host_of(self.url), "description": self.description}

    def _body(self, event: Event) -> bytes | Skipped:
        made: bytes | Skipped = event.in_form(self.form, lambda: self.format.body_of(event.shown, self.settings))
        return made


def endpoint_of(row: Mapping[str, Any], belongs: Belongs | None) -> Endpoint:
    """Return the endpoint of a row; ``belongs`` judges leads by its filters, if it has any."""
    form = FORMATS[row["format"]]
    wanted, known = frozenset(row["event_types"]), None if form.types is None else frozenset(form.types)
    types = wanted & known if wanted and known is not None else wanted or known
    settings = form.Settings.model_validate(row["settings"])
    return Endpoint(
        id=row["id"],
        url=row["url"],
        description=row["description"],
        types=types,
        belongs=belongs,
        format=form,
        settings=settings,
        form=(row["format"], dumps(row["settings"])),
        token_from=form.token_request(settings),
        secret=row["secret"],
        previous_secret=row["previous_secret"],
        previous_secret_until=row["previous_secret_until"],
        concurrency=row["concurrency"],
        rate=row["rate"],
        revision=row["revision"],
    )


def host_of(url: str) -> str:
    """Return the host of an address."""
    return urlsplit(url).hostname or ""
