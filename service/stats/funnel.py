"""The funnel from counts (PURE): sums over cells for the cohorts, sums over moves for the periods."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from service.lifecycle.reasons import CATEGORIES
from service.lifecycle.stages import FUNNEL, Stage, funnel_rank, is_in_funnel
from service.stats.definitions import CHURNED, DECIDED, ENTERED, FUNNEL_PARTS, OPEN, REACHED, SKIPPED, Skips, cells_in
from service.stats.question import Addresses, Key, Question
from service.stats.wilson import ENOUGH, wilson

STAGES: Final = tuple(str(stage) for stage in Stage)
RUNGS: Final = tuple(str(stage) for stage in FUNNEL)
LAST: Final = RUNGS[-1]


class CellCount(NamedTuple):
    """So many journeys of one cell: in a bucket (1, 2, … of the bounds asked for) and a group."""

    bucket: int
    key: Key
    cell: int
    journeys: int


class MoveCount(NamedTuple):
    """So many moves between two stages: in a bucket (0: before the first) and a group, which they came into or went out of."""

    bucket: int
    key: Key
    from_stage: str | None
    to_stage: str
    moved_in: int
    moved_out: int


Figures = Mapping[tuple[str, str], int]
"""Counts by stage and part."""

_FIGURES: Final = tuple((stage, part) for stage in RUNGS for part in FUNNEL_PARTS)


@cache
def _places_of(cell: int, skips: Skips) -> tuple[int, ...]:
    return tuple(place for place, (stage, part) in enumerate(_FIGURES) if cell in cells_in(stage, part, skips))


def add_up(counts: Iterable[tuple[int, int]], skips: Skips) -> Figures:
    """Return the figures of a group from its counts by cell."""
    figures = [0] * len(_FIGURES)
    for cell, count in counts:
        for place in _places_of(cell, skips):
            figures[place] += count
    return dict(zip(_FIGURES, figures, strict=True))


def rate(numerator: int, denominator: int) -> dict[str, Any]:
    """Return a share with its Wilson bounds; 0/0 is null, and a quotient above 1 (strict steps over skips) has no bounds."""
    low, high = wilson(numerator, denominator) or (None, None)
    return {
        "numerator": numerator,
        "denominator": denominator,
        "rate": numerator / denominator if denominator else None,
        "low": low,
        "high": high,
        "insufficient_data": denominator < ENOUGH,
    }


def cohort_groups(question: Question, counts: Iterable[CellCount]) -> list[dict[str, Any]]:
    """Return the groups of a cohort funnel, the largest first; a question without grouping has one group, be it empty."""
    by_key: dict[Key, Counter[int]] = defaultdict(Counter)
    for _, key, cell, journeys in counts:
        by_key[key][cell] += journeys
    if not question.group_by:
        by_key.setdefault((), Counter())
    groups = [cohort_group(question, key, add_up(cells.items(), question.skips)) for key, cells in by_key.items()]
    return sorted(groups, key=lambda group: (-group["entered"], order_of(tuple(group["key"].values()))))


def order_of(key: Key) -> tuple[tuple[bool, str], ...]:
    """Return what a group's key is sorted by: its values, missing ones last."""
    return tuple((value is None, value or "") for value in key)


def cohort_group(question: Question, key: Key, figures: Figures) -> dict[str, Any]:
    """Return one group of a cohort funnel, in the form of `FunnelGroupOut`."""
    addresses = Addresses.of(question, key, behind="funnel").between(question.start, question.end)
    entered = figures[RUNGS[0], REACHED]
    stages: list[dict[str, Any]] = []
    for stage in RUNGS:
        reached = figures[stage, REACHED]
        links = {
            part: addresses.at(stage, part)
            for part in FUNNEL_PARTS
            if part not in (REACHED, DECIDED) and figures[stage, part]
        }
        stages.append(
            {
                "stage": stage,
                "reached": reached,
                "entered": figures[stage, ENTERED],
                "step": rate(reached, stages[-1]["reached"]) if stages else None,
                "overall": rate(reached, entered),
                "skipped": figures[stage, SKIPPED],
                "open": figures[stage, OPEN],
                "churned": {category: figures[stage, f"{CHURNED}.{category}"] for category in CATEGORIES},
                "maturity": None,
                "leads": addresses.at(stage, REACHED),
                "links": links,
            }
        )
    return {
        "key": question.key_of(key),
        "entered": entered,
        "decided": rate(figures[LAST, REACHED], figures[LAST, DECIDED]),
        "stages": stages,
        "leads": addresses.at(LAST, DECIDED),
    }


@cache
def onward(stage: str, skips: Skips) -> frozenset[str]:
    """Return the stages whose entry is a step along the funnel from a stage: the next one, and with credit any later one."""
    if not is_in_funnel(stage):
        return frozenset()
    following = RUNGS[funnel_rank(stage) + 1 :]
    return frozenset(following if skips == "credit" else following[:1])


def period_figures(counts: Iterable[MoveCount], skips: Skips) -> Figures:
    """Return the figures of a group in period mode: opening, in, out, next and closing of every stage."""
    figures: Counter[tuple[str, str]] = Counter()
    for count in counts:
        before = count.bucket == 0
        figures[count.to_stage, "opening" if before else "in"] += count.moved_in
        if count.from_stage is not None:
            figures[count.from_stage, "opening" if before else "out"] += -count.moved_out if before else count.moved_out
            if not before and count.to_stage in onward(count.from_stage, skips):
                figures[count.from_stage, "next"] += count.moved_out
    for stage in STAGES:
        figures[stage, "closing"] = figures[stage, "opening"] + figures[stage, "in"] - figures[stage, "out"]
    return figures


PERIOD_PARTS: Final = ("in", "out", "next", "opening", "closing")
PERIOD_DECIDED: Final = "decided"
"""What was won in a period, or churned but for churned customers: what the card's conversion is a share of."""


def period_groups(question: Question, counts: Iterable[MoveCount]) -> list[dict[str, Any]]:
    """Return the groups of a period funnel, the one with the most entries first."""
    by_key: dict[Key, list[MoveCount]] = defaultdict(list)
    for count in counts:
        by_key[count.key].append(count)
    if not question.group_by:
        by_key.setdefault((), [])
    groups = [(key, period_figures(moves, question.skips)) for key, moves in by_key.items()]
    groups.sort(key=lambda group: (-sum(group[1][stage, "in"] for stage in STAGES), order_of(group[0])))
    return [period_group(question, key, figures) for key, figures in groups]


def period_group(question: Question, key: Key, figures: Figures) -> dict[str, Any]:
    """Return one group of a period funnel, in the form of `PeriodGroupOut`."""
    addresses = Addresses.of(question, key, behind="period").between(question.start, question.end)

    def of_stage(stage: str) -> dict[str, Any]:
        links = {part: addresses.at(stage, part) for part in PERIOD_PARTS if figures[stage, part]}
        return {
            "stage": stage,
            "opening": figures[stage, "opening"],
            "in": figures[stage, "in"],
            "out": figures[stage, "out"],
            "closing": figures[stage, "closing"],
            "step": rate(figures[stage, "next"], figures[stage, "out"]) if onward(stage, question.skips) else None,
            "leads": addresses.at(stage, "in"),
            "links": links,
        }

    return {"key": question.key_of(key), "stages": [of_stage(stage) for stage in STAGES]}
