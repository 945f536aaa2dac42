"""Whose turn it is: one event of each lead at a time, the others of the lead behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from service.core.ids import NIL
from service.outbound.delivering.line import Entry, Replay

# Of what waits, each fourth comes from the queue and each eighth from a replay, where there is any.
_QUEUE_TURN: Final = 4
_REPLAY_TURN: Final = 8


class Turns:
    """What waits in memory for one endpoint: new events, what comes from the queue, and what is replayed."""

    def __init__(self) -> None:
        self._new: deque[Entry] = deque()
        self._again: deque[Entry] = deque()
        self._replayed: deque[Entry] = deque()
        # The leads of which one event has its turn, or is in hand, and what waits behind it.
        self._chains: dict[UUID, deque[Entry] | None] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._new) + len(self._again) + len(self._replayed)

    @property
    def again(self) -> int:
        """Return how much of the queue waits for its turn."""
        return len(self._again)

    @property
    def none_is_new(self) -> bool:
        """Return whether no new event has its turn."""
        return not self._new

    def has(self, lead_id: UUID) -> bool:
        """Return whether an event of a lead waits or is in hand."""
        return lead_id in self._chains

    def add(self, entry: Entry) -> None:
        """Let an event wait for its turn, behind those of its lead."""
        lead_id = entry.event.lead_id
        if lead_id == NIL:
            self._of(entry).append(entry)
        elif lead_id not in self._chains:
            self._chains[lead_id] = None
            self._of(entry).append(entry)
        elif (chain := self._chains[lead_id]) is None:
            self._chains[lead_id] = deque([entry])
        else:
            chain.append(entry)

    def seize(self, entry: Entry) -> None:
        """Take an event in hand whose lead has nothing here."""
        if entry.event.lead_id != NIL:
            self._chains[entry.event.lead_id] = None

    def next(self) -> Entry | None:
        """Take the next event in hand; None if there is none."""
        self._turn += 1
        if self._again and (not self._new or self._turn % _QUEUE_TURN == 0):
            return self._again.popleft()
        if self._replayed and (not self._new or self._turn % _REPLAY_TURN == 0):
            return self._replayed.popleft()
        return self._new.popleft() if self._new else None

    def put_back(self, entry: Entry) -> None:
        """Let an event that was in hand be the next one again."""
        self._of(entry).appendleft(entry)

    def go_on(self, entry: Entry) -> None:
        """An event in hand is decided: the next one of its lead has its turn."""
        if chain := self._chains.pop(entry.event.lead_id, None):
            self.put_back(chain.popleft())
            self._chains[entry.event.lead_id] = chain or None

    def give_up(self, entry: Entry) -> Iterator[Entry]:
        """An event in hand failed and is to come before those of its lead: yield them, they are no longer here."""
        yield from self._chains.pop(entry.event.lead_id, None) or ()

    def _of(self, entry: Entry) -> deque[Entry]:
        if entry.line is None:
            return self._again
        return self._replayed if isinstance(entry.line, Replay) else self._new
