"""How fast the journeys of a group are: when they came to each stage, how long they stayed in it, and what they are worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Select, extract, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.lifecycle.stages import Stage
from service.stats.definitions import Skips
from service.stats.estimators.survival import Spans
from service.stats.funnel import RUNGS
from service.stats.question import Key, Question
from service.stats.store import sources
from service.stats.store.dimensions import Dimensions, Shape
from service.stats.store.durations import MILESTONES, Lifelines, sorted_spans
from service.stats.store.milestones import whole_journeys
from service.stats.store.packing import (
    MICROSECONDS_A_DAY,
    NEVER,
    Instants,
    joined_columns,
    packed_columns,
    pattern_of,
    since_origin,
    unpacked,
    unpacked_columns,
)
from service.stats.store.rows import read_rows
from service.stats.store.stays import is_followed, is_recycled, stays_of_ledger
from service.stats.velocity import Found, Pipeline

_ENTRY: Final = 0
_INSTANT: Final = 8
"""How many bytes an instant takes."""


class _Alike(NamedTuple):
    """Journeys of one entry stage and one currency that came to the same stages, and whether their milestones tell of all their stays."""

    entry_stage: str
    is_recycled: bool
    is_followed: bool
    pipeline: Pipeline
    packed: Sequence[bytes | None]


class _Stays(NamedTuple):
    """Stays in one stage: when it was entered and left. ``lasts`` says whether those that nothing here ended last still."""

    entered: Instants
    left: Instants
    lasts: bool


class Pace:
    """The journeys of a group, still packed: what takes time is done when it is called for, and not in the loop."""

    def __init__(
        self, alike: Sequence[_Alike], ledger: Mapping[str, Sequence[Instants]], *, known: bool, now: datetime
    ) -> None:
        self._alike = alike
        self._ledger = ledger
        self._are_plain = not known
        self._now = now

    def __len__(self) -> int:
        """Return how many journeys there are."""
        return sum(len(one.packed[0] or b"") for one in self._alike) // _INSTANT

    @property
    def pipelines(self) -> list[Pipeline]:
        """Return what the journeys are worth in each currency."""
        found: dict[str | None, Pipeline] = {}
        for one in self._alike:
            added = one.pipeline
            found[added.currency] = found[added.currency].plus(added) if added.currency in found else added
        return list(found.values())

    def unpacked(self, skips: Skips) -> tuple[dict[str, Found], dict[str, Found]]:
        """Return what finds the spans to each stage, and those within each."""
        columns = [unpacked_columns(one.packed) for one in self._alike]
        whole = joined_columns(columns)
        stays: dict[str, list[_Stays]] = defaultdict(list)
        for stage, parts in self._ledger.items():
            stays[stage] += [_Stays(part[:, 0], part[:, 1], lasts=True) for part in parts]
        for one, some in zip(self._alike, columns, strict=True):
            if self._are_plain and not one.is_recycled:
                _tell(one, some, stays)
        within: dict[str, Found] = {stage: partial(_spans, some, self._now) for stage, some in stays.items()}
        return Lifelines(whole, skips, now=self._now).times_to(), within


def _tell(alike: _Alike, milestones: Sequence[Instants | None], stays: dict[str, list[_Stays]]) -> None:
    stages = (alike.entry_stage, *RUNGS[1:], str(Stage.CHURNED))
    following = None
    for place in reversed(range(len(stages))):
        entered = milestones[place]
        if entered is None:
            continue
        # A repurchase begins with a milestone: that one tells of the stay.
        if place != _ENTRY or alike.entry_stage not in RUNGS[1:]:
            left = np.full_like(entered, NEVER) if following is None else following
            stays[stages[place]].append(_Stays(entered, left, lasts=not alike.is_followed))
        following = entered


def _spans(stays: Sequence[_Stays], now: datetime) -> Spans:
    lasting, ended = [], []
    for entered, left, lasts in stays:
        begun, is_left = entered != NEVER, left != NEVER
        over = begun & is_left
        ended.append(left[over] - entered[over])
        if lasts:
            lasting.append(since_origin(now) - entered[begun & ~is_left])
    still, over = (np.maximum(np.concatenate([np.empty(0, np.int64), *some]), 0) for some in (lasting, ended))
    return Spans((sorted_spans(still, ages=True), sorted_spans(over)), MICROSECONDS_A_DAY)


async def read_paces(connection: AsyncConnection, question: Question, *, now: datetime) -> dict[Key, Pace]:
    """Return how fast the journeys of a question are, by group."""
    shape, width = Shape.of(question), len(question.group_by)
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    alike: dict[Key, list[_Alike]] = defaultdict(list)
    for row in (await read_rows(connection, _paces(shape), given)).all():
        entry_stage, currency, recycled, followed, *worth = row[width : width + 9]
        pipeline = Pipeline(currency, *worth)
        alike[tuple(row[:width])].append(_Alike(entry_stage, recycled, followed, pipeline, row[width + 9 :]))
    ledger: dict[Key, dict[str, list[Instants]]] = defaultdict(lambda: defaultdict(list))
    for statement in stays_of_ledger(shape, recycled=not shape.known):
        for row in (await read_rows(connection, statement, given)).all():
            ledger[tuple(row[:width])][row[width]].append(unpacked(row[width + 1], 2))
    return {key: Pace(some, ledger[key], known=shape.known, now=now) for key, some in alike.items()}


@lru_cache(maxsize=256)
def _paces(shape: Shape) -> Select[Any]:
    journey = whole_journeys(known=shape.known)
    dimensions = Dimensions(shape, journey)
    milestones = [journey.c[name] for name in MILESTONES]
    won = journey.c.won_at.is_not(None)
    days = extract("epoch", journey.c.won_at - journey.c.started_at) / 86_400
    by = [*dimensions.keys, journey.c.entry_stage, journey.c.currency]
    # What was known at an instant is told by the ledger alone.
    told = {"recycled": is_recycled(journey), "followed": is_followed(journey)}
    flags: list[ColumnElement[Any]] = [] if shape.known else [one.label(name) for name, one in told.items()]
    return (
        select(
            *by,
            *(flags or [false(), false()]),
            func.count().filter(journey.c.stage == str(Stage.OPPORTUNITY)),
            func.count().filter(won),
            func.count().filter(or_(won, journey.c.churned_at.is_not(None))),
            func.sum(journey.c.amount).filter(won),
            func.sum(days).filter(won),
            *packed_columns(*milestones),
        )
        .select_from(dimensions.joined(journey))
        .where(sources.in_bounds(journey.c.started_at), *dimensions.conditions)
        .group_by(*by, *flags, *pattern_of(*milestones[1:]))
    )
