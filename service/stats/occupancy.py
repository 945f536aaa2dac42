"""Occupancy from counts (PURE): how many leads stood in each stage at an instant, or at several."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from service.stats.funnel import STAGES, MoveCount, order_of
from service.stats.question import Addresses, Key, Question

Balance = Mapping[tuple[int, str], int]
"""What the moves of each bucket added to each stage, and took from it."""


def balances(counts: Iterable[MoveCount]) -> dict[Key, Balance]:
    """Return, by group and bucket, by how much each stage grew."""
    found: dict[Key, Counter[tuple[int, str]]] = defaultdict(Counter)
    for count in counts:
        found[count.key][count.bucket, count.to_stage] += count.moved_in
        if count.from_stage is not None:
            found[count.key][count.bucket, count.from_stage] -= count.moved_out
    return dict(found)


def occupancy_groups(
    question: Question, instants: Sequence[datetime], grown: Mapping[Key, Balance], *, seen: int
) -> list[dict[str, Any]]:
    """Return the groups of an occupancy, the one with the most leads at the last instant first.

    ``grown`` has bucket 1 for what was before the first instant, 2 for what was between it and the second, and so on. Of instants after the first
    ``seen`` nothing can be known yet.
    """
    known: Mapping[Key, Balance] = grown if question.group_by else {(): grown.get((), {})}
    ordered = sorted(known, key=lambda key: (-sum(known[key].values()), order_of(key)))
    return [_group(question, instants, key, known[key], seen=seen) for key in ordered]


def _group(question: Question, instants: Sequence[datetime], key: Key, grown: Balance, *, seen: int) -> dict[str, Any]:
    addresses = Addresses.of(question, key, behind="period")
    standing: Counter[str] = Counter()
    points = []
    for number, at in enumerate(instants, 1):
        if number > seen:
            points.append({"at": at, "stages": dict.fromkeys(STAGES), "total": None, "leads": {}, "total_leads": None})
            continue
        for stage in STAGES:
            standing[stage] += grown.get((number, stage), 0)
        inside = addresses.between(None, at)
        points.append(
            {
                "at": at,
                "stages": {stage: standing[stage] for stage in STAGES},
                "total": sum(standing.values()),
                "leads": {stage: inside.at(stage, "closing") for stage in STAGES if standing[stage]},
                "total_leads": inside.anywhere("closing"),
            }
        )
    return {"key": question.key_of(key), "points": points}
