"""An event on its way: read once, written once for each form it is sent in, and shared by all endpoints that get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from service.core.ids import NIL
from service.outbound.store import Place

ABOUT_ENDPOINTS: Final = frozenset({"delivery.failed", "endpoint.disabled"})
"""Events that tell of an endpoint: that endpoint is not told, and that they fail is not told of, lest one failure makes many."""


@dataclass(slots=True, eq=False)
class Event:
    """An event as the outbox has it; ``read_at`` is when it was read, by the event loop's clock."""

    place: Place
    lead_id: UUID
    type: str
    occurred_at: datetime
    recorded_at: datetime
    text: str
    traceparent: str | None
    read_at: float
    _data: dict[str, Any] | None = None
    _bodies: dict[Any, Any] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """Return the event's id: the ``webhook-id`` of all its deliveries."""
        return self.place[2]

    @property
    def sequence(self) -> int:
        """Return the lead's version after the event."""
        return self.place[1]

    @property
    def data(self) -> dict[str, Any]:
        """Return what the event says."""
        if self._data is None:
            self._data = orjson.loads(self.text)
        return self._data

    @property
    def lead(self) -> Mapping[str, Any] | None:
        """Return the lead as it was after the event; None if it belongs to no lead."""
        return self.data.get("lead")

    def shown(self) -> dict[str, Any]:
        """Return the event as the feed shows it."""
        return {
            "id": self.id,
            "type": self.type,
            "timestamp": self.occurred_at,
            "recorded_at": self.recorded_at,
            "lead_id": None if self.lead_id == NIL else self.lead_id,
            "sequence": self.sequence,
            "data": self.data,
        }

    def in_form(self, key: Any, write: Callable[[], Any]) -> Any:
        """Return what ``write`` makes of the event; endpoints of the same form (``key``) share it."""
        try:
            return self._bodies[key]
        except KeyError:
            made = self._bodies[key] = write()
            return made


def event_of(row: Mapping[str, Any], read_at: float) -> Event:
    """Return the event of a row: ``position, sequence, id, lead_id, type, occurred_at, recorded_at, data`` (as text), ``traceparent``."""
    return Event(
        (row["position"], row["sequence"], row["id"]),
        row["lead_id"],
        row["type"],
        row["occurred_at"],
        row["recorded_at"],
        row["data"],
        row["traceparent"],
        read_at,
    )
