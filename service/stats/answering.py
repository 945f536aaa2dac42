"""What answering any question takes: totals beside the groups, and the buckets of a calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.core.http.answers import Rendered, rendered
from service.stats.asking import parse_zone
from service.stats.calendars import Interval, boundaries, bucket_start
from service.stats.cohorts import AgeCount
from service.stats.flow import LeadCount
from service.stats.funnel import CellCount, MoveCount
from service.stats.question import Key, Question
from service.stats.remembering import Remembered
from service.stats.store.counts import first_bucket

MAX_BUCKETS: Final = 2_000
MAX_PARTS: Final = 50_000
"""The most buckets, or stages, of all groups of an answer together. A bucket is about a kilobyte."""

# Of seventy groups a funnel is half a megabyte, and a trend of two years or a card a third of one.
_REMEMBERED: Final = Remembered(16 << 20)

Found = TypeVar("Found")
Count = TypeVar("Count", CellCount, MoveCount, LeadCount, AgeCount)


Work = Callable[[Question, Hashable, Sequence[Sequence[Any]], Callable[[], dict[str, Any]]], Any]
"""How an answer is worked out, which is a function of the question, of what else was asked, and of the rows that were found."""


def at_once(
    _question: Question, _asked: Hashable, _found: Sequence[Sequence[Any]], answer: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return the answer."""
    return answer()


def remembered(
    question: Question, asked: Hashable, found: Sequence[Sequence[Any]], answer: Callable[[], dict[str, Any]]
) -> dict[str, Any] | Rendered:
    """Return the answer, which whoever asks for it again, and is told the same by the counters, gets without its being worked out anew.

    What leads have is not remembered: it may be somebody's, who may want to be forgotten.
    """
    if not question.is_rolled_up():
        return answer()
    return Rendered(_REMEMBERED.recall((question, asked), found, lambda: rendered(answer())))


def refuse_too_many(groups: int, each: int = 1) -> None:
    """Raise `Invalid` for an answer that would be too large to be read by anybody: so many groups, each of so many parts.

    How many parts one has is limited by itself.
    """
    if groups > 1 and groups * each > MAX_PARTS:
        parts = f" of {each} parts" if each > 1 else ""
        raise Invalid(
            "?group_by",
            f"makes {groups} groups{parts}, and an answer has no more than {MAX_PARTS} parts in all: filter, or group by less",
        )


async def with_totals(
    question: Question, ask: Callable[[Question], Awaitable[list[Count]]], *, each: int = 1
) -> tuple[list[Count], Iterable[Count]]:
    """Return the counts of the groups, and, to be gone through once, of all of them together.

    ``each`` group has so many parts; `Invalid` if that makes too many.
    """
    counts = await ask(question)
    refuse_too_many(len({count[1] for count in counts}), each)
    if question.groups_overlap:
        # Only a count of its own says how many there are in all.
        return counts, await ask(ungrouped(question))
    # All have the bucket first and the key second; naming them one by one would take a third of the time that an answer takes.
    return counts, map(_of_all, counts)


async def all_together(
    question: Question,
    found: Mapping[Key, Found],
    read: Callable[[Question], Awaitable[Mapping[Key, Found]]],
    together: Callable[[Collection[Found]], Found],
) -> Found:
    """Return all groups of a question as one: what was found of them put together, or read anew where they overlap."""
    if not question.group_by:
        return found[()]
    if question.groups_overlap:
        return (await read(ungrouped(question)))[()]
    return await asyncio.to_thread(together, found.values())


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
