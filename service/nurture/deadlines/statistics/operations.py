"""Answering questions about deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.nurture.deadlines.calendars import ALWAYS, Calendar
from service.nurture.deadlines.rules import SLA_RULES, SlaRules
from service.nurture.deadlines.statistics import figures, statistics_store
from service.nurture.deadlines.statistics.figures import Waits
from service.nurture.deadlines.statistics.question import Asked, asked_by
from service.nurture.deadlines.statistics.schemas import OverdueQuery, ResponseQuery
from service.nurture.deadlines.statistics.statistics_store import Waiting


async def response(connection: AsyncConnection, query: ResponseQuery, *, now: datetime) -> dict[str, Any]:
    """Answer how soon leads are responded to."""
    asked = asked_by(query, now=now, what=["first_response"])
    waits = await statistics_store.read_waits(connection, asked)
    waiting = await statistics_store.read_waiting(connection, asked)
    versions = {one.version for one in waiting if one.calendar is not None}
    stored = await statistics_store.read_versions(connection, SLA_RULES.name, versions)
    rules = {version: SlaRules.model_validate(given) for version, given in stored.items()}
    return await asyncio.to_thread(_response, asked, waits, waiting, rules, query)


def _response(
    asked: Asked,
    waits: Sequence[Waits],
    waiting: Sequence[Waiting],
    rules: Mapping[int, SlaRules],
    query: ResponseQuery,
) -> dict[str, Any]:
    so_far = [_so_far(one, rules, now=asked.at) for one in waiting]
    return figures.response(asked, [*waits, *so_far], query.leaving)


def _so_far(one: Waiting, rules: Mapping[int, SlaRules], *, now: datetime) -> Waits:
    """Return how long those have waited that still do."""
    calendar = rules[one.version].calendar_of(one.calendar) if one.version in rules else ALWAYS
    since = sorted(one.since, reverse=True)
    clock = [max(now - start, timedelta()).total_seconds() for start in since]
    return Waits(one.key, None, clock, _worked(calendar, since, now=now))


def _worked(calendar: Calendar, since: Sequence[datetime], *, now: datetime) -> list[float]:
    """Return the working time from each of some instants, the latest first, until now: each takes up where the one after it began."""
    total, found = timedelta(), []
    for later, start in pairwise([now, *since]):
        total += calendar.between(min(start, now), min(later, now))
        found.append(total.total_seconds())
    return found


async def overdue(connection: AsyncConnection, query: OverdueQuery, *, now: datetime) -> dict[str, Any]:
    """Answer how many deadlines are met."""
    asked = asked_by(query, now=now, what=query.what)
    return figures.overdue(asked, await statistics_store.count_states(connection, asked))
