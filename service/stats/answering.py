"""What answering any question takes: totals beside the groups, and the buckets of a calendar."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.asking import parse_zone
from service.stats.calendars import Interval, boundaries, bucket_start
from service.stats.cohorts import AgeCount
from service.stats.flow import LeadCount
from service.stats.funnel import CellCount, MoveCount
from service.stats.question import Question
from service.stats.store.counts import first_bucket

MAX_BUCKETS: Final = 2_000

Count = TypeVar("Count", CellCount, MoveCount, LeadCount, AgeCount)


async def with_totals(
    question: Question, ask: Callable[[Question], Awaitable[list[Count]]]
) -> tuple[list[Count], list[Count]]:
    """Return the counts of the groups, and of all of them together."""
    counts = await ask(question)
    if "tag" in question.group_by:
        # A lead with several tags is in several groups: only a count of its own says how many there are in all.
        return counts, await ask(ungrouped(question))
    # All have the bucket first and the key second; naming them one by one would take a third of the time that an answer takes.
    return counts, [_of_all(each) for each in counts]


def _of_all(count: Count) -> Count:
    values: list[Any] = [count[0], (), *count[2:]]
    return type(count)(*values)


def ungrouped(question: Question) -> Question:
    return replace(question, group_by=())


async def bounds_of(connection: AsyncConnection, question: Question, interval: Interval) -> list[datetime]:
    """Return where the buckets begin and where the last one ends; nothing while nothing has happened and no start was named."""
    zone = parse_zone(question.tz)
    start = question.start
    if start is None:
        first = await first_bucket(connection, question)
        if first is None or first >= question.end:
            return []
        start = bucket_start(first, interval=interval, zone=zone)
    bounds = list(islice(boundaries(start, question.end, interval=interval, zone=zone), MAX_BUCKETS + 2))
    if len(bounds) > MAX_BUCKETS + 1:
        raise Invalid("?interval", f"makes more than {MAX_BUCKETS} buckets: take a larger one, or a shorter time")
    return bounds
