"""Bottlenecks answered: the funnel of the interval beside those of its recent quarters and of its channels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.answering import ungrouped
from service.stats.asking import parse_zone, question_of
from service.stats.bottlenecks import Example, bottleneck_steps
from service.stats.calendars import boundaries, bucket_start
from service.stats.definitions import REACHED
from service.stats.funnel import RUNGS, Figures, add_up, order_of
from service.stats.question import Addresses, Key, Question, definition
from service.stats.schemas.bottlenecks import BottlenecksQuery
from service.stats.store.counts import cohort_counts
from service.stats.wording import bottlenecks_text

_QUARTERS: Final = 4
_YEAR: Final = timedelta(days=366)

Examples = dict[Key, list[Example]]


async def bottlenecks(connection: AsyncConnection, query: BottlenecksQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `BottlenecksOut`, which step of the funnel would gain the most wins."""
    if query.skips != "credit":
        raise Invalid("?skips", "must be credit: without it steps over skipped stages are no shares")
    question = question_of(query, mode="cohort", now=now)
    groups = await _groups(connection, question, now)
    whole = await _groups(connection, ungrouped(question), now) if question.group_by else groups
    described = definition(question, bottlenecks_text(question))
    return {"definition": described, "groups": groups, "totals": whole[0]}


async def _groups(connection: AsyncConnection, question: Question, now: datetime) -> list[dict[str, Any]]:
    figures = await _figures(connection, question)
    if not question.group_by:
        figures.setdefault((), add_up([], question.skips))
    examples = await _quarters(connection, question, now)
    for key, of_channels in (await _channels(connection, question)).items():
        examples.setdefault(key, []).extend(of_channels)
    ordered = sorted(figures, key=lambda key: (-figures[key][RUNGS[0], REACHED], order_of(key)))
    return [
        {
            "key": question.key_of(key),
            "journeys": figures[key][RUNGS[0], REACHED],
            "steps": bottleneck_steps(figures[key], examples.get(key, []), _addresses(question, key)),
        }
        for key in ordered
    ]


def _addresses(question: Question, key: Key) -> Addresses:
    return Addresses.of(question, key, behind="funnel").between(question.start, question.end)


async def _figures(connection: AsyncConnection, question: Question) -> dict[Key, Figures]:
    cells: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    for count in await cohort_counts(connection, question, (question.low, question.high)):
        cells[count.key].append((count.cell, count.journeys))
    return {key: add_up(held, question.skips) for key, held in cells.items()}


async def _quarters(connection: AsyncConnection, question: Question, now: datetime) -> Examples:
    """Return the last four whole quarters of the zone's calendar before the interval's end, each with its figures."""
    zone = parse_zone(question.tz)
    end = bucket_start(min(question.end, now), interval="quarter", zone=zone)
    starts = list(
        boundaries(bucket_start(end - _YEAR, interval="quarter", zone=zone), end, interval="quarter", zone=zone)
    )
    edges = starts[-_QUARTERS - 1 :]
    cells: dict[tuple[Key, int], list[tuple[int, int]]] = defaultdict(list)
    if len(edges) > 1:
        for count in await cohort_counts(connection, replace(question, open_ended=False), edges):
            cells[count.key, count.bucket].append((count.cell, count.journeys))
    found: Examples = defaultdict(list)
    for number, (low, high) in enumerate(pairwise(edges), 1 if len(edges) > 1 else 0):
        for (key, bucket), held in cells.items():
            if bucket == number:
                leads = Addresses.of(question, key, behind="funnel").between(low, high)
                name = low.astimezone(zone).date().isoformat()
                found[key].append(Example("quarter", name, add_up(held, question.skips), leads))
    return found


async def _channels(connection: AsyncConnection, question: Question) -> Examples:
    """Return the channels of the interval, each with its figures, where the question does not set them apart already.

    An only channel is the whole, and no example for itself.
    """
    found: Examples = defaultdict(list)
    if "channel" in question.group_by or len(question.group_by) > 2:
        return found
    apart = replace(question, group_by=(*question.group_by, "channel"))
    for key, figures in (await _figures(connection, apart)).items():
        found[key[:-1]].append(Example("channel", key[-1], figures, _addresses(apart, key)))
    return {key: channels for key, channels in found.items() if len(channels) > 1}
