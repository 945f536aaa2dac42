"""Versions: which of several tellings of one submission is the latest."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from service.leads import identity_store
from service.leads.book import Book
from service.leads.identities import Identity


class Versions:
    """Of which time the version is that leads have of a submission, by the external id that all its versions share."""

    def __init__(self, times: dict[Identity, datetime | None]) -> None:
        self._times = times
        self._news: dict[Identity, datetime] = {}

    @classmethod
    async def known(cls, book: Book, identities: Collection[Identity]) -> Versions:
        """Read them; their leads must be in the book, so that nobody else revises them meanwhile."""
        return cls(await identity_store.when_said(book.connection, identities) if identities else {})

    def note(self, identity: Identity, at: datetime) -> bool:
        """Note a version and say whether it replaces what is there; of two of the same time it is the one that comes later."""
        last = self._times.get(identity)
        if last is not None and at < last:
            return False
        self._times[identity] = self._news[identity] = at
        return True

    async def remember(self, book: Book) -> None:
        """Write down what was noted."""
        if self._news:
            await identity_store.remember_said(book.connection, self._news)
