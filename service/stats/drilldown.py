"""The leads behind a figure: what an address in an answer lists.

Every count of an answer comes with an address of ``GET /v1/leads`` whose list has exactly that many entries: an entry is a journey
(funnel) or a transition (period, trend), so a lead may appear more than once. Parameters, besides those of the question itself
(``from to tz unit skips window known_at as_of segment``, every dimension, ``missing``):

=========  ======================================================================================================
behind     ``funnel`` or ``cohorts`` (journeys that started in the interval), ``period``, ``trend`` or ``flow`` (what
           happened in the interval)
stage      the stage of the figure; absent: wherever they stood (period: opening, closing)
part       funnel: reached (default), entered, skipped, open, churned, churned.<category>, decided;
           period: in (default), out, next (exits onward), opening, closing; decided (of won): won, or churned and not by
           a customer; trend: in;
           flow: from.<stage>, or from.nothing for those acquired;
           attribution: channel:<name> or campaign:<name>, those touched by it (window: the look-back);
           velocity: to.there, to.other, to.open (how journeys to the stage ended), in.left, in.open (stays in it);
           cohorts: all (default), or those that came to the stage at an age, such as P30D..P60D (above .. up to)
=========  ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Select

from service.core.errors import Invalid
from service.stats.asking import behind_of, parse_duration, question_of
from service.stats.cohorts import MILESTONES
from service.stats.definitions import FUNNEL_PARTS, cells_in
from service.stats.flow import FLOW_PARTS, NOTHING
from service.stats.funnel import LAST, PERIOD_DECIDED, PERIOD_PARTS, RUNGS, STAGES, onward
from service.stats.question import Question, Segment
from service.stats.returns import COSTED
from service.stats.schemas.behind import BehindQuery
from service.stats.store import behind, sources
from service.stats.store.dimensions import Shape
from service.stats.store.durations import journeys_by_end
from service.stats.store.flows import moves_between
from service.stats.store.milestones import journeys_aged
from service.stats.store.paths import journeys_touched
from service.stats.store.stays import stays_behind


class Behind(NamedTuple):
    """The entries behind a figure: a statement that yields ``at`` (timestamptz), ``lead_id`` and ``n`` (int), and its parameters.

    ``(at, lead_id, n)`` is unique, so it can be paged by; ``n`` is the journey's number or the transition's sequence. The statement has
    no order and may be wrapped as a subquery.
    """

    statement: Select[Any]
    parameters: dict[str, Any]


def behind_figure(pairs: Sequence[tuple[str, str]], *, now: datetime, segment: Segment | None = None) -> Behind:
    """Return the entries behind the figure that the pairs of a query string name; raises `Invalid`, which names the parameter at fault.

    ``pairs`` are the address's own parameters only, without those of paging; ``segment`` is the one that they name.
    """
    query = behind_of(pairs)
    query = query.within(segment) if segment is not None else query
    question = question_of(query, mode="cohort" if query.behind in _COHORTS else "period", now=now)
    if query.stage is None:
        if query.behind != "period" or query.part not in _STANDING:
            raise Invalid("?stage", f"must be given, but with the parts {' and '.join(_STANDING)} of period")
        return _standing(question, None, query.part)
    if query.behind == "cohorts":
        return _cohorts(question, query.stage, query.part or _ALL)
    if query.behind == "attribution":
        return _attribution(query, query.stage, now)
    if query.behind == "velocity":
        return _velocity(question, query.stage, query.part or "")
    stages, parts = _PARTS[query.behind]
    if query.stage not in stages:
        raise Invalid("?stage", f"must be one of {', '.join(stages)}")
    part = query.part if query.part is not None else parts[0]
    if part not in parts:
        raise Invalid("?part", f"must be one of {', '.join(parts)}")
    find = {"funnel": _funnel, "flow": _flow}.get(query.behind, _period)
    return find(question, query.stage, part)


_ALL: Final = "all"
_STANDING: Final = ("opening", "closing")
_COHORTS: Final = frozenset({"funnel", "cohorts", "velocity", "attribution"})
_PARTS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "funnel": (RUNGS, FUNNEL_PARTS),
    "period": (STAGES, (*PERIOD_PARTS, PERIOD_DECIDED)),
    "trend": (STAGES, PERIOD_PARTS[:1]),
    "flow": (STAGES, FLOW_PARTS),
}


def _flow(question: Question, stage: str, part: str) -> Behind:
    source = part.removeprefix("from.")
    given = sources.parameters(question) | {"low": question.low, "high": question.high, "stage": stage}
    if source == NOTHING:
        return Behind(moves_between(Shape.of(question), acquired=True), given)
    return Behind(moves_between(Shape.of(question), acquired=False), given | {"source": source})


def _attribution(query: BehindQuery, stage: str, now: datetime) -> Behind:
    # The window of such an address is the look-back of the question.
    question = question_of(query.model_copy(update={"window": None}), mode="cohort", now=now)
    if stage != LAST:
        raise Invalid("?stage", f"must be {LAST}: it is wins that are credited")
    by, colon, name = (query.part or "").partition(":")
    if by not in COSTED:
        raise Invalid("?part", "must be channel or campaign, a colon and the name; or without both, for what has none")
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    if colon:
        given["touched"] = name
    if query.window is not None:
        given["lookback"] = parse_duration(query.window)
    shape = Shape.of(question)
    return Behind(journeys_touched(shape, by, known=bool(colon), limited=query.window is not None), given)


def _velocity(question: Question, stage: str, part: str) -> Behind:
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    shape = Shape.of(question)
    match part.partition("."):
        case ("to", _, "there" | "other" | "open" as end) if stage in RUNGS[1:]:
            return Behind(journeys_by_end(shape, stage, question.skips, end), given)
        case ("in", _, "left" | "open" as end) if stage in STAGES:
            return Behind(stays_behind(shape, ended=end == "left"), given | {"stage": stage})
    raise Invalid("?part", "must be to.there, to.other or to.open of a stage after the first, or in.left or in.open")


def _cohorts(question: Question, stage: str, part: str) -> Behind:
    if stage not in MILESTONES:
        raise Invalid("?stage", f"must be one of {', '.join(MILESTONES)}")
    given = sources.parameters(question) | {"low": question.low, "high": question.high}
    shape = Shape.of(question)
    if part == _ALL:
        return Behind(journeys_aged(shape, stage, question.skips, aged=False), given)
    youngest, dots, oldest = part.partition("..")
    if not dots:
        raise Invalid("?part", "must be all, or an age such as P30D..P60D")
    ages = parse_duration(youngest, pointer="?part"), parse_duration(oldest, pointer="?part")
    # Whoever came at once is of the first age.
    given |= {"youngest": ages[0] or timedelta(microseconds=-1), "oldest": ages[1]}
    return Behind(journeys_aged(shape, stage, question.skips, aged=True), given)


def _funnel(question: Question, stage: str, part: str) -> Behind:
    given = sources.parameters(question) | {
        "low": question.low,
        "high": question.high,
        "cells": sorted(cells_in(stage, part, question.skips)),
    }
    return Behind(behind.journeys_behind(Shape.of(question)), given)


def _period(question: Question, stage: str, part: str) -> Behind:
    if part in _STANDING:
        return _standing(question, stage, part)
    shape, given = Shape.of(question), sources.parameters(question) | {"stage": stage}
    given |= {"low": question.low, "high": question.high}
    if part == PERIOD_DECIDED:
        if stage != LAST:
            raise Invalid("?stage", f"must be {LAST}: it is wins that are decided")
        return Behind(behind.decisions_behind(shape), given)
    if part == "next":
        given["onward"] = sorted(onward(stage, question.skips))
    return Behind(behind.moves_behind(shape, out=part != "in", towards=part == "next"), given)


def _standing(question: Question, stage: str | None, part: str) -> Behind:
    given = sources.parameters(question) | {"standing_at": question.low if part == "opening" else question.high}
    shape = Shape.of(question)
    if stage is None:
        return Behind(behind.standing_behind(shape, anywhere=True), given)
    return Behind(behind.standing_behind(shape), given | {"stage": stage})
