"""Channels that have fallen silent: a form that was taken down, a webhook that the vendor has switched off.

A channel that has spoken at least 20 times within 30 days has a habit. It is silent when nothing has come for more than an hour, and either

- in the same hours of the weeks before (up to four) there were ten spells of ten minutes or more, on average, in which it spoke: so nights
  and weekends are no silence, a burst counts once, and a busy channel is missed within hours; or
- for half as long again as its longest gap among its last 500 deliveries within 30 days: so a rare one is missed too. Where 500 of them
  are too few to show a week, it takes a week as well; where it has not spoken for a whole week yet, a day.

Each silence is reported once, as an event ``channel.silent``; the next one after the channel has spoken again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import first_id
from service.intake import figures_store, silence_store
from service.outbound.events import event_row
from service.outbound.store import insert_events

_log = structlog.get_logger(__name__)

_AT_LEAST: Final = timedelta(hours=1)
_SPELL: Final = timedelta(minutes=10)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_WEEKS: Final = 4
_WINDOW: Final = timedelta(days=30)
_MOST: Final = 500
_FEWEST: Final = 20
_TIMES: Final = 1.5
_EXPECTED: Final = 10


async def report_silent(connection: AsyncConnection, *, now: datetime) -> int:
    """Report every channel that has fallen silent and return how many; a handful of short index scans for each quiet one."""
    silent = []
    for channel in await silence_store.quiet_channels(connection, before=now - _AT_LEAST):
        longest = await _habit(connection, channel["key"], last=channel["last_received_at"], now=now)
        if longest is not None:
            silent.append((channel, longest))
    events = [await _report(connection, channel, longest, now=now) for channel, longest in silent]
    told = [event for event in events if event is not None]
    if told:
        await insert_events(connection, told)
    return len(told)


async def _habit(connection: AsyncConnection, channel: str, *, last: datetime, now: datetime) -> timedelta | None:
    """Return the channel's longest gap if it has been silent for longer than its habit, else None."""
    spoke = await silence_store.recent(connection, channel, first=first_id(last - _WINDOW), most=_MOST)
    if len(spoke) < _FEWEST:
        return None
    longest = longest_gap(spoke)
    silence = now - last
    began = await silence_store.first_received(connection, channel)
    weeks = [_WEEK * number for number in range(1, _WEEKS + 1) if began <= last - _WEEK * number]
    at_least = _DAY if not weeks else _WEEK if last - spoke[-1] < _WEEK else timedelta(0)
    if silence > max(_TIMES * longest, at_least):
        return longest
    # Further back than the silence is long, or it would be compared with itself.
    comparable = [back for back in weeks if back >= silence]
    expected = [
        await silence_store.spells(connection, channel, edges=_edges(last - back, now - back)) for back in comparable
    ]
    return longest if comparable and sum(expected) >= _EXPECTED * len(comparable) else None


def _edges(begin: datetime, end: datetime) -> list[UUID]:
    """Return the ids between which the spells of a stretch of time lie."""
    return [first_id(begin + _SPELL * number) for number in range((end - begin) // _SPELL + 1)]


def longest_gap(spoke: Sequence[datetime]) -> timedelta:
    """Return the longest gap between deliveries, the latest first."""
    return max((later - earlier for later, earlier in pairwise(spoke)), default=timedelta(0))


async def _report(
    connection: AsyncConnection, channel: dict[str, Any], longest: timedelta, *, now: datetime
) -> dict[str, Any] | None:
    key, since = channel["key"], channel["last_received_at"]
    if not await silence_store.report(connection, key, since=since, next_id=first_id(since)):
        return None
    refused = await figures_store.refusals_of(connection, key, since=since.date())
    _log.warning("channel_silent", channel=key)
    data = {
        "channel": {"key": key, "vendor": channel["vendor"], "name": channel["name"]},
        "silent_since": since,
        "longest_gap_seconds": round(longest.total_seconds(), 3),
        # It may well speak, but not be understood: a secret that was changed at one end only.
        "refused": refused,
    }
    # It belongs to no lead, so there is no version of one to give.
    return event_row(lead_id=None, type="channel.silent", sequence=0, data=data, occurred_at=now, recorded_at=now)
