"""The trend from counts (PURE): one row of numbers for each stage, a number for each bucket, zeros included."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from service.stats.definitions import REACHED
from service.stats.funnel import RUNGS, STAGES, CellCount, MoveCount, add_up, order_of
from service.stats.question import Addresses, Key, Question

Series = Mapping[tuple[str, int], int]
"""Counts by stage and bucket; buckets are numbered from 1."""


def entries(counts: Iterable[MoveCount]) -> dict[Key, Series]:
    """Return, by group, how often each stage was entered in each bucket."""
    series: dict[Key, Counter[tuple[str, int]]] = defaultdict(Counter)
    for count in counts:
        series[count.key][count.to_stage, count.bucket] += count.moved_in
    return dict(series)


def progress(question: Question, counts: Iterable[CellCount]) -> dict[Key, Series]:
    """Return, by group, how many of the journeys that started in each bucket came to each stage."""
    cells: dict[tuple[Key, int], list[tuple[int, int]]] = defaultdict(list)
    for count in counts:
        cells[count.key, count.bucket].append((count.cell, count.journeys))
    series: dict[Key, dict[tuple[str, int], int]] = defaultdict(dict)
    for (key, bucket), of_bucket in cells.items():
        figures = add_up(of_bucket, question.skips)
        series[key].update({(stage, bucket): figures[stage, REACHED] for stage in RUNGS})
    return dict(series)


def trend_groups(
    question: Question, bounds: Sequence[datetime], series: Mapping[Key, Series], *, begun: int
) -> list[dict[str, Any]]:
    """Return the groups of a trend, the largest first; of buckets after the first ``begun`` nothing can be known yet."""
    known: Mapping[Key, Series] = series if question.group_by else {(): series.get((), {})}
    ordered = sorted(known, key=lambda key: (-sum(known[key].values()), order_of(key)))
    return [trend_group(question, bounds, key, known[key], begun=begun) for key in ordered]


def trend_group(
    question: Question, bounds: Sequence[datetime], key: Key, series: Series, *, begun: int
) -> dict[str, Any]:
    """Return one group of a trend, in the form of `TrendGroupOut`; ``bounds`` are where the buckets begin, and where the last one ends."""
    cohort = question.mode == "cohort"
    stages, behind, part = (RUNGS, "funnel", REACHED) if cohort else (STAGES, "trend", "in")
    addresses = Addresses.of(question, key, behind=behind)

    def of_bucket(number: int, start: datetime, end: datetime) -> dict[str, Any]:
        if number > begun:
            return {"from": start, "to": end, "counts": dict.fromkeys(stages), "leads": {}}
        counts = {stage: series.get((stage, number), 0) for stage in stages}
        inside = addresses.between(start, end)
        leads = {stage: inside.at(stage, part) for stage, count in counts.items() if count}
        return {"from": start, "to": end, "counts": counts, "leads": leads}

    return {
        "key": question.key_of(key),
        "buckets": [of_bucket(number, *edges) for number, edges in enumerate(pairwise(bounds), 1)],
    }
