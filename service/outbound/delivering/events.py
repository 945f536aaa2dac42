"""An event on its way: read once, written once for each form it is sent in, and shared by all endpoints that get it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from service.core.ids import NIL
from service.outbound.store import Place

ABOUT_ENDPOINTS: Final = frozenset({"delivery.failed", "endpoint.disabled"})
"""Events that tell of an endpoint: that endpoint is not told, and that they fail is not told of, lest one failure makes many."""


class Shown(dict[str, Any]):
    """An event as the feed shows it. Its ``data`` is read each time it is asked for: it is asked for once, and would take much room."""

    __slots__ = ("_text",)

    def __init__(self, text: str, **head: Any) -> None:
        super().__init__(head)
        self._text = text

    def __missing__(self, key: str) -> Any:
        if key != "data":
            raise KeyError(key)
        return orjson.loads(self._text)


class Event:
    """An event as the outbox has it: ``text`` is what it says, ``read_at`` when it was read, by the event loop's clock."""

    __slots__ = ("_bodies", "_data", "id", "lead_id", "place", "read_at", "recorded_at", "shown", "traceparent", "type")

    def __init__(self, row: Mapping[str, Any], read_at: float) -> None:
        self.place: Place = (row["position"], row["sequence"], row["id"])
        self.id: UUID = row["id"]
        self.lead_id: UUID = row["lead_id"]
        self.type: str = row["type"]
        self.recorded_at: datetime = row["recorded_at"]
        self.traceparent: str | None = row["traceparent"]
        self.read_at = read_at
        self.shown = Shown(
            row["data"],
            id=self.id,
            type=self.type,
            timestamp=row["occurred_at"],
            recorded_at=self.recorded_at,
            lead_id=None if self.lead_id == NIL else self.lead_id,
            sequence=row["sequence"],
        )
        self._bodies: dict[Any, Any] = {}
        self._data: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """Return what the event says. Only the events asked for last remember it: it takes much room."""
        if self._data is None:
            self._data = self.shown["data"]
            _READ_LATELY.append(self)
            if len(_READ_LATELY) > _REMEMBERED:
                _READ_LATELY.popleft()._data = None  # noqa: SLF001
        return self._data

    def in_form(self, key: Any, write: Callable[[], Any]) -> Any:
        """Return what ``write`` makes of the event; endpoints of the same form (``key``) share it."""
        try:
            return self._bodies[key]
        except KeyError:
            made = self._bodies[key] = write()
            return made


_READ_LATELY: Final[deque[Event]] = deque()
_REMEMBERED: Final = 256


def event_of(row: Mapping[str, Any], read_at: float) -> Event:
    """Return the event of a row: ``position, sequence, id, lead_id, type, occurred_at, recorded_at, data`` (as text), ``traceparent``."""
    return Event(row, read_at)
