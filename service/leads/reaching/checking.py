"""Checking mailboxes: a task that follows the change feed and asks the DNS about the domains of new addresses.

Nobody waits for it: the answer becomes one of the lead's reasons, later. It changes the verdict, and never the stage. No transaction is
open while the DNS is asked, for one that waits holds back everybody who reads the feed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cleaning.rules import DEFAULT_RULES
from service.cleaning.verdict import verdict_of
from service.core import clock
from service.core.database import transaction
from service.leads.book import Book, Entry
from service.leads.reaching import store
from service.leads.reaching.servers import MailServers
from service.outbound import following_store
from service.outbound.store import Place

_log = structlog.get_logger(__name__)

REASON: Final = "no_mail_server"
_CURSOR: Final = "mail_servers"
_ACTOR: Final = "mail-check"
_TYPES: Final = ("lead.created", "lead.unmerged")
_FIELDS: Final = ("email",)
_BATCH: Final = 200
_WORTH_KEEPING: Final = 1000
# How often the same leads are tried while the DNS says nothing about any of them.
_TRIES: Final = 3


class MailboxCheck:
    """Follows the feed. One per worker; of several workers, one at a time gets on."""

    def __init__(self, engine: AsyncEngine, servers: MailServers | None = None) -> None:
        self._engine = engine
        self._servers = servers or MailServers()
        self._silent = 0

    async def run(self) -> int:
        """Check the addresses of the next changes and return how many changes there were; 0 if there is nothing to do now."""
        now = clock.now()
        async with transaction(self._engine) as connection:
            place = await following_store.take_cursor(connection, _CURSOR, now=now)
            if place is None:
                return 0
            events, last = await following_store.changes_after(
                connection, place, types=_TYPES, fields=_FIELDS, limit=_BATCH
            )
            addresses = await store.read_mailboxes(connection, {event["lead_id"] for event in events})
        answers = await self._servers.take_mail({_domain(email) for email in addresses.values()})
        if self._is_silence(answers):
            return 0
        if events or last[0] - place[0] > _WORTH_KEEPING:
            await self._write(place, last, addresses, answers)
        return len(events)

    def _is_silence(self, answers: Mapping[str, bool | None]) -> bool:
        """Say whether the DNS is rather away than ignorant of these domains: then they are asked for again."""
        is_silent = bool(answers) and all(answer is None for answer in answers.values())
        self._silent = self._silent + 1 if is_silent else 0
        if is_silent:
            _log.warning("mail_servers_unknown", domains=len(answers), tries=self._silent)
        if self._silent >= _TRIES:
            self._silent = 0
            return False
        return is_silent

    async def _write(
        self, place: Place, last: Place, addresses: Mapping[UUID, str], answers: Mapping[str, bool | None]
    ) -> None:
        """Write down what was found and how far we have come, unless another worker was quicker."""
        now = clock.now()
        async with transaction(self._engine) as connection:
            if await following_store.take_cursor(connection, _CURSOR, now=now) != place:
                return
            book = Book(connection, now=now, actor=_ACTOR)
            told = {lead_id: answers[_domain(email)] for lead_id, email in addresses.items()}
            await book.take([lead_id for lead_id, answer in told.items() if answer is not None])
            for entry in book.entries.values():
                # It may have another address by now, and then another event says so.
                if entry.row["email"] == addresses[entry.id]:
                    _note(book, entry, takes_mail=bool(told[entry.id]))
            await book.flush()
            await following_store.keep_cursor(connection, _CURSOR, last, now=now)


def _note(book: Book, entry: Entry, *, takes_mail: bool) -> None:
    """Give a lead the reason, or take it away, if that is news."""
    row = entry.row
    if (REASON in row["verdict_reasons"]) is not takes_mail:
        return
    reasons = [reason for reason in row["verdict_reasons"] if reason != REASON]
    if takes_mail:
        verdict = verdict_of(reasons, DEFAULT_RULES, has_email=True)
    else:
        reasons.append(REASON)
        verdict = "suspect" if row["verdict"] == "valid" else row["verdict"]
    changed = [name for name, value in (("verdict", verdict), ("verdict_reasons", reasons)) if row[name] != value]
    row |= {"verdict": verdict, "verdict_reasons": reasons}
    entry.life.verdict = verdict
    book.announce(entry, "lead.updated", {"changed": changed}, at=book.now)


def _domain(email: str) -> str:
    return email.rpartition("@")[2]
