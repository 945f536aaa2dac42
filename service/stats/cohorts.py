"""The cohort triangle from counts (PURE): of those that started in a bucket, how many came to a stage at which age."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, NamedTuple

from service.stats.funnel import order_of, rate
from service.stats.question import Addresses, Key, Question, duration

MILESTONES: Final = ("cleaned", "nurtured", "opportunity", "won", "churned")
"""The stages whose coming can be followed by age."""


class AgeCount(NamedTuple):
    """So many journeys that started in a bucket and came to the stage at an age (0, 1, … age buckets; None: not yet)."""

    bucket: int
    key: Key
    age: int | None
    journeys: int


class Ages(NamedTuple):
    """The age buckets: so many of a size, and when it is."""

    size: timedelta
    number: int
    now: datetime


def cohort_triangle(
    question: Question, bounds: Sequence[datetime], stage: str, ages: Ages, counts: Iterable[AgeCount]
) -> list[dict[str, Any]]:
    """Return the groups of a triangle, the largest first; each has a cohort for every start bucket, and a cell for every age."""
    found: dict[Key, Counter[tuple[int, int | None]]] = defaultdict(Counter)
    for count in counts:
        found[count.key][count.bucket, count.age] += count.journeys
    known: Mapping[Key, Counter[tuple[int, int | None]]] = found if question.group_by else {(): found[()]}
    ordered = sorted(known, key=lambda key: (-known[key].total(), order_of(key)))
    return [_group(question, bounds, stage, ages, key, known[key]) for key in ordered]


def _group(
    question: Question,
    bounds: Sequence[datetime],
    stage: str,
    ages: Ages,
    key: Key,
    counted: Counter[tuple[int, int | None]],
) -> dict[str, Any]:
    addresses = Addresses.of(question, key, behind="cohorts")
    entered: Counter[int] = Counter()
    for (bucket, _), journeys in counted.items():
        entered[bucket] += journeys

    def cohort(number: int, start: datetime, end: datetime) -> dict[str, Any]:
        inside = addresses.between(start, end)
        cells: list[dict[str, Any] | None] = []
        so_far = 0
        for age in range(ages.number):
            so_far += counted[number, age]
            low, high = duration(ages.size * age), duration(ages.size * (age + 1))
            # Only when the youngest of the cohort is old enough do we know how many come by that age.
            if end + ages.size * (age + 1) > ages.now:
                cells.append(None)
                continue
            cells.append(
                {
                    "age": high,
                    "count": counted[number, age],
                    "cumulative": rate(so_far, entered[number]),
                    "leads": inside.at(stage, f"{low}..{high}"),
                    "cumulative_leads": inside.at(stage, f"P0D..{high}"),
                }
            )
        return {"from": start, "to": end, "entered": entered[number], "cells": cells, "leads": inside.at(stage, "all")}

    return {
        "key": question.key_of(key),
        "cohorts": [cohort(number, *edges) for number, edges in enumerate(pairwise(bounds), 1)],
    }
