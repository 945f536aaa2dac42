"""How long things took, as arrays: packed by PostgreSQL into one value a group, so that a million journeys are no million rows here."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Select,
    and_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.definitions import Skips
from service.stats.estimators.survival import Floats, Spans
from service.stats.funnel import RUNGS
from service.stats.question import Key, Question
from service.stats.side_by_side import side_by_side
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.milestones import reached_at, whole_journeys
from service.stats.store.packing import (
    MICROSECONDS_A_DAY,
    NEVER,
    Instants,
    joined_columns,
    packed_columns,
    pattern_of,
    since_origin,
    unpacked_columns,
)
from service.stats.store.rows import read_rows
from service.stats.velocity import OPEN, OTHER, THERE

MILESTONES: Final = ("started_at", *(f"{stage}_at" for stage in RUNGS[1:]), "churned_at")


class Lifelines:
    """When the journeys of a group started, came to each stage of the funnel, and churned, seen at an instant."""

    def __init__(self, instants: Sequence[Instants], skips: Skips, *, now: datetime) -> None:
        self._now = since_origin(now)
        self._started, *reached, self._churned = instants
        if skips == "credit":
            # Whoever reached a later stage has reached this one.
            for number in reversed(range(len(reached) - 1)):
                reached[number] = np.minimum(reached[number], reached[number + 1])
        self._reached = dict(zip(RUNGS[1:], reached, strict=True))

    def __len__(self) -> int:
        """Return how many journeys there are."""
        return len(self._started)

    @property
    def ages(self) -> Floats:
        """Return how old the journeys are, in days."""
        return np.maximum(self._now - self._started, 0) / MICROSECONDS_A_DAY

    def times_to(self) -> dict[str, Callable[[], Spans]]:
        """Return, for each stage after the entry, what finds how long journeys took to it, were on the way, or left for good.

        These can be called side by side. It is called itself from a thread beside the loop.
        """
        has_left = self._churned != NEVER
        # Whether a stage was reached goes along as a bit of its own, so that the ages of all are sorted once for all stages.
        bits = np.zeros(len(self), dtype=np.int64)
        for place, there in enumerate(self._reached.values()):
            bits |= (there != NEVER).astype(np.int64) << place
        open_still = self._took(self._now, ~has_left) << len(RUNGS) | bits[~has_left]
        gone = self._took(self._churned, has_left) << len(RUNGS) | bits[has_left]
        ages, left = side_by_side([partial(sorted_spans, open_still, ages=True), partial(sorted_spans, gone)])
        return {stage: partial(self._time_to, stage, 1 << place, ages, left) for place, stage in enumerate(RUNGS[1:])}

    def _time_to(self, stage: str, bit: int, ages: Instants, left: Instants) -> Spans:
        there = self._reached[stage]
        came = sorted_spans(self._took(there, there != NEVER))
        others = [some[(some & bit) == 0] >> len(RUNGS) for some in (ages, left)]
        return Spans((others[OPEN], came, others[OTHER - THERE]), MICROSECONDS_A_DAY)

    def _took(self, end: Instants | int, which: NDArray[np.bool_]) -> Instants:
        until = end if isinstance(end, int) else end[which]
        return np.maximum(until - self._started[which], 0)


def sorted_spans(spans: Instants, *, ages: bool = False) -> Instants:
    """Return spans in ascending order; ``ages`` are spans until now."""
    # Rows of one pattern come nearly in the order in which journeys began, and so do their ages: there is little to merge.
    spans.sort(kind="stable" if ages else None)
    return spans


async def lifelines(connection: AsyncConnection, question: Question, *, now: datetime) -> dict[Key, Lifelines]:
    """Return the lifelines of the journeys of a question, by group."""
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    rows = (await read_rows(connection, _lifelines(Shape.of(question)), given)).all()
    width = len(question.group_by)

    def unpack() -> dict[Key, Lifelines]:
        patterns: dict[Key, list[list[Instants | None]]] = defaultdict(list)
        if not rows and not width:
            # Not grouped, there is an answer even if nobody is there.
            patterns[()] = [unpacked_columns([b""] * len(MILESTONES))]
        for row in rows:
            patterns[tuple(row[:width])].append(unpacked_columns(row[width:]))
        return {key: Lifelines(joined_columns(some), question.skips, now=now) for key, some in patterns.items()}

    return await asyncio.to_thread(unpack)


@lru_cache(maxsize=256)
def _lifelines(shape: Shape) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    milestones = [journey.c[name] for name in MILESTONES]
    return (
        select(*dimensions.keys, *packed_columns(*milestones))
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(*dimensions.keys, *pattern_of(*milestones[1:]))
    )


@lru_cache(maxsize=256)
def journeys_by_end(shape: Shape, stage: str, skips: Skips, part: str) -> Select[Any]:
    """Return the journeys that reached a stage (``there``), churned before (``other``) or are on the way (``open``): ``at, lead_id, n``."""
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    there = reached_at(journey, stage, skips)
    wanted = {
        "there": there.is_not(None),
        "other": and_(there.is_(None), journey.c.churned_at.is_not(None)),
        "open": and_(there.is_(None), journey.c.churned_at.is_(None)),
    }[part]
    return (
        select(journey.c.started_at.label("at"), journey.c.lead_id, journey.c.number.label("n"))
        .select_from(dimensions.joined(journey))
        .where(wanted, sources.in_bounds(journey.c.started_at), *dimensions.conditions)
    )
