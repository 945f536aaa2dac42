"""Questions answered: parameters in, figures with their definition and addresses out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.asking import parse_zone, question_of
from service.stats.calendars import Interval, boundaries, bucket_start
from service.stats.definitions import BEGINNING
from service.stats.funnel import CellCount, MoveCount, cohort_groups, period_groups
from service.stats.question import Question, definition
from service.stats.schemas.funnel import FunnelQuery
from service.stats.schemas.trend import TrendQuery
from service.stats.store.counts import cohort_counts, first_bucket, move_counts
from service.stats.trend import entries, progress, trend_groups
from service.stats.wording import funnel_text, trend_text

MAX_BUCKETS: Final = 2_000

Count = TypeVar("Count", CellCount, MoveCount)


async def funnel(connection: AsyncConnection, query: FunnelQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `FunnelOut`, how far journeys came (cohort mode) or what happened to each stage in the interval (period mode)."""
    question = question_of(query, mode=query.mode, now=now)
    bounds = (question.low, question.high)
    if question.mode == "cohort":
        cells, all_cells = await _with_totals(question, lambda asked: cohort_counts(connection, asked, bounds))
        groups, totals = cohort_groups(question, cells), cohort_groups(_ungrouped(question), all_cells)
    else:
        moves, all_moves = await _with_totals(
            question, lambda asked: move_counts(connection, asked, bounds, since=BEGINNING)
        )
        groups, totals = period_groups(question, moves), period_groups(_ungrouped(question), all_moves)
    described = definition(question, funnel_text(question))
    return {"definition": described, "groups": groups, "totals": totals[0]}


async def trend(connection: AsyncConnection, query: TrendQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `TrendOut`, how often each stage was entered in each bucket (period mode), or how far those came that
    started in it (cohort mode).
    """
    question = question_of(query, mode=query.mode, now=now)
    bounds = await _bounds(connection, question, query.interval)
    # What nobody named an end for may be counted in the coarsest buckets there are: nothing lies behind it.
    edges = [*bounds[:-1], question.high] if bounds else []
    if not edges:
        series, totals = {}, {}
    elif question.mode == "cohort":
        cells, all_cells = await _with_totals(question, lambda asked: cohort_counts(connection, asked, edges))
        series, totals = progress(question, cells), progress(question, all_cells)
    else:
        moves, all_moves = await _with_totals(
            question, lambda asked: move_counts(connection, asked, edges, since=edges[0])
        )
        series, totals = entries(moves), entries(all_moves)
    described = definition(question, trend_text(question, query.interval)) | {"interval": query.interval}
    groups, whole = trend_groups(question, bounds, series), trend_groups(_ungrouped(question), bounds, totals)
    return {"definition": described, "groups": groups, "totals": whole[0]}


async def _with_totals(
    question: Question, ask: Callable[[Question], Awaitable[list[Count]]]
) -> tuple[list[Count], list[Count]]:
    """Return the counts of the groups, and of all of them together."""
    counts = await ask(question)
    if "tag" in question.group_by:
        # A lead with several tags is in several groups: only a count of its own says how many there are in all.
        return counts, await ask(_ungrouped(question))
    return counts, [count._replace(key=()) for count in counts]


def _ungrouped(question: Question) -> Question:
    return replace(question, group_by=())


async def _bounds(connection: AsyncConnection, question: Question, interval: Interval) -> list[datetime]:
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
