"""A way through the feed: what was read of it, what is decided, and the cursor behind which everything is."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from service.outbound.delivering.events import Event
from service.outbound.store import Place

# Decided already, but behind an event that is not: after a crash they are sent again.
_LONGEST_WINDOW: Final = 5000


@dataclass(slots=True, eq=False)
class Mark:
    """The place of an event, and whether it is decided what becomes of it."""

    place: Place
    done: bool = False


@dataclass(slots=True, eq=False)
class Entry:
    """An event on its way to an endpoint; ``line`` and ``mark`` are None for one that comes from the queue."""

    event: Event
    line: Line | None = None
    mark: Mark | None = None
    attempts: int = 0
    step: int = 0
    ordered: bool = True
    next_at: datetime | None = None
    probe: bool = False

    def decided(self) -> None:
        """Let the cursor pass."""
        if self.line is not None and self.mark is not None:
            self.mark.done = True
            self.line.settle()


class Line:
    """The events after a cursor, in order. ``room`` is how many may wait in memory; the rest waits in the outbox."""

    def __init__(self, cursor: Place, *, room: int) -> None:
        self.cursor = self.read = cursor
        self.waiting = 0
        self._room = room
        self._window: deque[Mark] = deque()

    @property
    def has_room(self) -> bool:
        """Return whether more may be read."""
        return self.waiting < self._room and len(self._window) < _LONGEST_WINDOW

    @property
    def is_empty(self) -> bool:
        """Return whether everything that was read is decided."""
        return not self._window

    def wants(self, _event: Event) -> bool:
        """Return whether an event is one of this line."""
        return True

    def entry(self, event: Event) -> Entry:
        """Return an event that was read as one that is on its way."""
        mark = Mark(event.place)
        self._window.append(mark)
        return Entry(event, self, mark)

    def passed(self, place: Place) -> None:
        """Remember that everything up to a place was read."""
        self.read = max(self.read, place)
        self.settle()

    def settle(self) -> None:
        """Move the cursor behind everything that is decided."""
        window = self._window
        while window and window[0].done:
            self.cursor = window.popleft().place
        if not window:
            self.cursor = self.read


class Replay(Line):
    """A part of the feed that is sent again: it has an end, and only what was recorded within a time."""

    def __init__(self, row: Mapping[str, Any], *, room: int) -> None:
        super().__init__((row["position"], row["sequence"], row["event_id"]), room=room)
        self.id: UUID = row["id"]
        self.end: Place = (row["end_position"], row["end_sequence"], row["end_event_id"])
        self._types = frozenset(row["event_types"])
        self._since: datetime = row["since"]
        self._until: datetime | None = row["until"]

    @property
    def has_ended(self) -> bool:
        """Return whether all of it was sent, or waits in the queue."""
        return self.read >= self.end and self.is_empty

    def wants(self, event: Event) -> bool:
        """Return whether an event is one of those asked for."""
        in_time = event.recorded_at >= self._since and (self._until is None or event.recorded_at < self._until)
        return in_time and (not self._types or event.type in self._types)
