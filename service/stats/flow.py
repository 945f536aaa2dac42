"""The flow from counts (PURE): how many moved from each stage to each other one, bucket by bucket; what a Sankey diagram needs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

from service.stats.definitions import BEGINNING
from service.stats.funnel import STAGES, MoveCount, order_of
from service.stats.question import Addresses, Key, Question

NOTHING: Final = "nothing"
"""What a lead comes from that is acquired."""

FLOW_PARTS: Final = tuple(f"from.{source}" for source in (NOTHING, *STAGES))
"""The parts of a stage in the flow: whence it was entered."""


class LeadCount(NamedTuple):
    """So many different leads that moved between two stages: in a bucket and a group."""

    bucket: int
    key: Key
    from_stage: str | None
    to_stage: str
    leads: int


Pair = tuple[str | None, str]
Moves = Mapping[tuple[int, Pair], int]
"""Counts by bucket and pair of stages; buckets are numbered from 1."""


def flows(counts: Iterable[MoveCount]) -> dict[Key, Moves]:
    """Return, by group, how many moves each pair of stages had in each bucket; a move counts in the group of the journey it came into."""
    found: dict[Key, Counter[tuple[int, Pair]]] = defaultdict(Counter)
    for count in counts:
        if count.moved_in:
            found[count.key][count.bucket, (count.from_stage, count.to_stage)] += count.moved_in
    return dict(found)


def distinct(counts: Iterable[LeadCount]) -> dict[Key, Moves]:
    """Return, by group, how many different leads made the moves of each pair of stages in each bucket."""
    found: dict[Key, dict[tuple[int, Pair], int]] = defaultdict(dict)
    for count in counts:
        found[count.key][count.bucket, (count.from_stage, count.to_stage)] = count.leads
    return dict(found)


def flow_groups(
    question: Question, bounds: Sequence[datetime], moves: Mapping[Key, Moves], leads: Mapping[Key, Moves] | None
) -> list[dict[str, Any]]:
    """Return the groups of a flow, the one with the most moves first; ``leads`` is None if nobody asked for different leads."""
    known: Mapping[Key, Moves] = moves if question.group_by else {(): moves.get((), {})}
    ordered = sorted(known, key=lambda key: (-sum(known[key].values()), order_of(key)))
    return [_group(question, bounds, key, known[key], None if leads is None else leads.get(key, {})) for key in ordered]


def _group(
    question: Question, bounds: Sequence[datetime], key: Key, moves: Moves, leads: Moves | None
) -> dict[str, Any]:
    addresses = Addresses.of(question, key, behind="flow")
    by_bucket: dict[int, list[tuple[Pair, int]]] = defaultdict(list)
    for (bucket, pair), count in moves.items():
        if count:
            by_bucket[bucket].append((pair, count))

    def of_bucket(number: int, start: datetime, end: datetime) -> dict[str, Any]:
        since = start if start > BEGINNING else None
        inside = addresses.between(since, end)
        return {
            "from": since,
            "to": end,
            "links": [
                {
                    "source": source,
                    "target": target,
                    "moves": count,
                    "distinct_leads": None if leads is None else leads.get((number, (source, target)), 0),
                    "leads": inside.at(target, f"from.{source or NOTHING}"),
                }
                for (source, target), count in sorted(by_bucket[number], key=_along_the_funnel)
            ],
        }

    return {
        "key": question.key_of(key),
        "buckets": [of_bucket(number, *edges) for number, edges in enumerate(pairwise(bounds), 1)],
    }


def _along_the_funnel(link: tuple[Pair, int]) -> tuple[int, int]:
    (source, target), _ = link
    return (STAGES.index(source) if source else -1, STAGES.index(target))
