"""A round: the leads that something happened to, locked, and what reactions do to them in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads.book import Book, Entry
from service.nurture import store
from service.nurture.rules import Rules, RuleSet


@dataclass(slots=True)
class Change:
    """What happened to one lead since it was last looked at.

    ``events`` are those of the feed, oldest first: ``id, type, sequence, occurred_at, recorded_at`` and ``data`` without the lead.
    ``timers`` are those whose time has come: ``kind, key, due_at``. ``swept`` names the reactions whose rules are new to the lead.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    timers: list[dict[str, Any]] = field(default_factory=list)
    swept: set[str] = field(default_factory=set)

    def concerns(self, reaction: Reaction) -> bool:
        """Say whether a reaction is to look at the lead."""
        return (
            reaction.name in self.swept
            or any(timer["kind"] == reaction.name for timer in self.timers)
            or any(reaction.hears(event) for event in self.events)
        )


class Round:
    """The leads of one transaction, in a book. What reactions write through it is written together when all have had their turn."""

    def __init__(self, book: Book, changes: dict[UUID, Change], rules: Rules) -> None:
        self.book = book
        self.changes = changes
        self.rules = rules
        self._timers: dict[tuple[UUID, str, str], datetime | None] = {}

    @property
    def connection(self) -> AsyncConnection:
        """The transaction."""
        return self.book.connection

    @property
    def now(self) -> datetime:
        """The transaction's one reading of the clock."""
        return self.book.now

    def concerned(self, reaction: Reaction) -> Iterator[tuple[Entry, Change]]:
        """Yield the leads that a reaction is to look at, in the order of their ids."""
        for lead_id, change in sorted(self.changes.items()):
            if change.concerns(reaction):
                yield self.book.entries[lead_id], change

    def wake(self, lead_id: UUID, kind: str, key: str, at: datetime | None) -> None:
        """Have the reaction ``kind`` look at a lead at a time, for the sake of ``key``; None: not any more."""
        self._timers[lead_id, kind, key] = at

    async def flush(self) -> None:
        """Write everything."""
        await self.book.flush()
        await write_timers(self.connection, self._timers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """Something the service does of its own accord.

    ``types`` are the events it hears; of ``lead.updated`` only those that changed one of ``fields``, unless it is among the types.
    ``applies`` says whether there are rules at all: a reaction without any costs nothing. ``sweeps`` says that rules that were changed are
    tried on every lead there is.
    """

    name: str
    rule_sets: tuple[RuleSet[Any], ...]
    types: frozenset[str]
    fields: frozenset[str]
    applies: Callable[[Rules], bool]
    react: Callable[[Round], Awaitable[None]]
    sweeps: bool = True

    def hears(self, event: dict[str, Any]) -> bool:
        """Say whether an event of the feed is one that it hears."""
        if event["type"] in self.types:
            return True
        return event["type"] == "lead.updated" and not self.fields.isdisjoint(event["data"].get("changed") or ())

    def version(self, rules: Rules) -> int:
        """Return the version of all its rules together: it grows with each of them."""
        return sum(rules.version(rule_set) for rule_set in self.rule_sets)


async def write_timers(connection: AsyncConnection, timers: dict[tuple[UUID, str, str], datetime | None]) -> None:
    """Set and clear timers, by lead, kind and key; for those who hold the leads' locks."""
    rows = [
        {"lead_id": lead_id, "kind": kind, "key": key, "due_at": at}
        for (lead_id, kind, key), at in sorted(timers.items(), key=lambda item: item[0])
    ]
    if gone := [row for row in rows if row["due_at"] is None]:
        await store.clear_timers(connection, gone)
    if wanted := [row for row in rows if row["due_at"] is not None]:
        await store.set_timers(connection, wanted)
