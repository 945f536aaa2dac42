"""The engine: follows the change feed, minds the timers, and tries rules that changed on every lead, a round at a time.

One worker has the engine at a time: whoever holds its cursor in the feed. So a lead is never reacted to twice at once, and how far it has
come is written in the transaction of what came of it: nothing is missed, nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import prometheus_client
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock, outage
from service.core.database import transaction
from service.leads.book import Book
from service.nurture import store
from service.nurture.rounds import Change, Reaction, Round
from service.nurture.rules import Rules, read_rules
from service.outbound import following_store
from service.outbound.store import Place

_log = structlog.get_logger(__name__)

REACTED: Final = prometheus_client.Counter("leads_nurture_changes", "Leads that nurture looked at")
FAILED: Final = prometheus_client.Counter(
    "leads_nurture_failures", "Leads that a reaction failed on; it is not tried again before something else changes"
)

ACTOR: Final = "nurture"
_CURSOR: Final = "nurture"
_BATCH: Final = 200
# An idle feed moves on as well; writing down each step of that would be all the task ever does.
_WORTH_KEEPING: Final = 1000


class Nurture:
    """Runs reactions, in the order given, which is that in which they see each other's doings. One per worker."""

    def __init__(self, engine: AsyncEngine, reactions: Sequence[Reaction]) -> None:
        self._engine = engine
        self._reactions = tuple(reactions)

    async def run(self) -> int:
        """Look at the next leads and return how many there were; 0 if there are none, or another worker is at it."""
        now = clock.now()
        async with transaction(self._engine) as connection:
            place = await following_store.take_cursor(connection, _CURSOR, now=now)
            if place is None:
                return 0
            rules = await read_rules(connection)
            active = [reaction for reaction in self._reactions if reaction.applies(rules)]
            changes: dict[UUID, Change] = {}
            last, heard = await _follow(connection, place, active, changes)
            for lead_id in await store.read_due(connection, now=now, limit=_BATCH):
                changes.setdefault(lead_id, Change())
            if not changes:
                await _sweep(connection, active, rules, changes)
            if changes:
                await self._react(connection, changes, active, rules, now=now)
            if heard or last[0] - place[0] > _WORTH_KEEPING:
                await following_store.keep_cursor(connection, _CURSOR, last, now=now)
        return len(changes)

    async def _react(
        self,
        connection: AsyncConnection,
        changes: dict[UUID, Change],
        active: Sequence[Reaction],
        rules: Rules,
        *,
        now: datetime,
    ) -> None:
        """React to all leads at once; where that fails, to each alone, so that one of them cannot keep the others waiting."""
        try:
            async with connection.begin_nested():
                await _round(connection, changes, active, rules, now=now)
        except Exception as error:
            if outage.retry_after(error) is not None:
                raise
            if len(changes) > 1:
                for lead_id, change in sorted(changes.items()):
                    change.timers.clear()
                    await self._react(connection, {lead_id: change}, active, rules, now=now)
                return
            FAILED.inc()
            _log.exception("nurture_failed", lead_id=str(*changes))
            await _give_up(connection, *changes, now=now)
        else:
            REACTED.inc(len(changes))


async def _follow(
    connection: AsyncConnection, place: Place, active: Sequence[Reaction], changes: dict[UUID, Change]
) -> tuple[Place, int]:
    """Add the next events that any reaction hears to the changes; return the place to go on from, and how many events there were."""
    types = frozenset[str]().union(*(reaction.types for reaction in active))
    fields = frozenset[str]().union(*(reaction.fields for reaction in active))
    if not types and not fields:
        return max(place, await following_store.end_of_feed(connection)), 0
    events, last = await following_store.changes_after(
        connection, place, types=types, fields=fields, limit=_BATCH, details=True
    )
    for event in events:
        changes.setdefault(event["lead_id"], Change()).events.append(event)
    return last, len(events)


async def _sweep(
    connection: AsyncConnection, active: Sequence[Reaction], rules: Rules, changes: dict[UUID, Change]
) -> None:
    """Add the next leads that a reaction has not yet looked at with its rules of today; one reaction at a time."""
    known = await store.read_sweeps(connection)
    for reaction in active:
        version = reaction.version(rules)
        row = known.get(reaction.name)
        begun = row is not None and row["version"] == version
        if not reaction.sweeps or (begun and row is not None and row["after"] is None):
            continue
        after = row["after"] if begun and row is not None else None
        ids = await store.next_leads(connection, after, limit=_BATCH)
        at = ids[-1] if len(ids) == _BATCH else None
        await store.keep_sweep(connection, reaction.name, version=version, after=at)
        for lead_id in ids:
            changes.setdefault(lead_id, Change()).swept.add(reaction.name)
        if changes:
            return


async def _round(
    connection: AsyncConnection,
    changes: dict[UUID, Change],
    active: Sequence[Reaction],
    rules: Rules,
    *,
    now: datetime,
) -> None:
    book = Book(connection, now=now, actor=ACTOR)
    await book.take(sorted(changes))
    # Read again now that nobody else can put them off.
    for timer in await store.take_due(connection, sorted(changes), now=book.now):
        changes[timer["lead_id"]].timers.append(timer)
    standing = {
        lead_id: change
        for lead_id, change in changes.items()
        if (entry := book.entries.get(lead_id)) and entry.row["erased_at"] is None and entry.row["merged_into"] is None
    }
    this = Round(book, standing, rules)
    for reaction in active:
        await reaction.react(this)
    await this.flush()


async def _give_up(connection: AsyncConnection, lead_id: UUID, *, now: datetime) -> None:
    """Clear the timers of a lead that were due: what failed is not tried again until something changes."""
    await store.take_due(connection, [lead_id], now=now)
