"""Questions answered: parameters in, figures with their definition and addresses out."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.answering import Work, at_once, bounds_of, refuse_too_many, ungrouped, with_totals
from service.stats.asking import LONGEST_WINDOW, latest_of, parse_duration, question_of
from service.stats.calendars import Interval
from service.stats.cohorts import AgeCount, Ages, cohort_triangle
from service.stats.definitions import BEGINNING
from service.stats.flow import Moves, distinct, flow_groups, flows
from service.stats.funnel import RUNGS, STAGES, MoveCount, cohort_groups, order_of, period_groups
from service.stats.maturity import maturity_of
from service.stats.occupancy import balances, occupancy_groups
from service.stats.question import Key, Question, definition, duration
from service.stats.schemas.cohorts import CohortsQuery
from service.stats.schemas.flow import FlowQuery, OccupancyQuery
from service.stats.schemas.funnel import FunnelQuery
from service.stats.schemas.trend import TrendQuery
from service.stats.schemas.velocity import VelocityQuery
from service.stats.store.counts import cohort_counts, move_counts
from service.stats.store.durations import Lifelines, lifelines
from service.stats.store.flows import lead_counts
from service.stats.store.milestones import age_counts
from service.stats.store.paces import read_paces
from service.stats.store.passages import passages
from service.stats.trend import Series, entries, progress, trend_groups
from service.stats.velocity import velocity_group
from service.stats.wording import cohorts_text, flow_text, funnel_text, occupancy_text, trend_text, velocity_text


async def funnel(connection: AsyncConnection, query: FunnelQuery, *, now: datetime, work: Work = at_once) -> Any:
    """Answer, in the form of `FunnelOut`, how far journeys came (cohort mode) or what happened to each stage in the interval (period mode)."""
    question = question_of(query, mode=query.mode, now=now)
    horizon = parse_duration(query.horizon, pointer="?horizon") if query.horizon is not None else None
    if horizon is not None and (question.mode == "period" or question.window is not None):
        raise Invalid("?horizon", "belongs to cohort mode without a window: it looks at how old journeys are")
    if question.mode == "period":
        moves, all_moves = await with_totals(question, lambda asked: _moves_until(connection, asked), each=len(STAGES))

        def what_happened() -> dict[str, Any]:
            whole = period_groups(ungrouped(question), all_moves)
            return _answer(question, funnel_text(question), period_groups(question, moves), whole)

        return work(question, "funnel", moves, what_happened)
    bounds = (question.low, question.high)
    cells, all_cells = await with_totals(
        question, lambda asked: cohort_counts(connection, asked, bounds, alone=horizon is None), each=len(RUNGS)
    )

    def how_far() -> dict[str, Any]:
        whole = cohort_groups(ungrouped(question), all_cells)
        return _answer(question, funnel_text(question, horizon), cohort_groups(question, cells), whole)

    if horizon is None:
        return work(question, "funnel", cells, how_far)
    answer = how_far()
    await _mature(connection, question, answer["groups"], horizon, now=now)
    if question.group_by:
        await _mature(connection, ungrouped(question), [answer["totals"]], horizon, now=now)
    else:
        answer["totals"] = answer["groups"][0]
    return answer


def _answer(
    question: Question, text: str, groups: list[dict[str, Any]], whole: list[dict[str, Any]], **asked: Any
) -> dict[str, Any]:
    """Return what all answers have: the definition with what else was ``asked``, the groups, and all of them together."""
    return {"definition": definition(question, text) | asked, "groups": groups, "totals": whole[0]}


async def _moves_until(connection: AsyncConnection, question: Question) -> list[MoveCount]:
    """Return the moves before a question's interval and those in it, from counters where they know."""
    if question.known_at is None and not question.is_rolled_up(question.low, question.high):
        return await passages(connection, question)
    return await move_counts(connection, question, (question.low, question.high), since=BEGINNING, alone=True)


async def _mature(
    connection: AsyncConnection, question: Question, groups: list[dict[str, Any]], horizon: timedelta, *, now: datetime
) -> None:
    """Say of each stage of each group what it comes to by the horizon, and how mature the group is."""
    until = min(now, question.known_at or now)
    lives = await lifelines(connection, question, now=until)
    for group in groups:
        told = await asyncio.to_thread(_maturity, lives.get(tuple(group["key"].values())), horizon)
        for stage in group["stages"]:
            stage["maturity"] = told.get(stage["stage"])


def _maturity(lives: Lifelines | None, horizon: timedelta) -> dict[str, dict[str, Any]]:
    return maturity_of(lives.times_to(), lives.ages, horizon) if lives is not None else {}


async def trend(connection: AsyncConnection, query: TrendQuery, *, now: datetime, work: Work = at_once) -> Any:
    """Answer, in the form of `TrendOut`, how often each stage was entered in each bucket (period mode), or how far those came that
    started in it (cohort mode).
    """
    question = question_of(query, mode=query.mode, now=now)
    bounds = await bounds_of(connection, question, query.interval)
    # What nobody named an end for may be counted in the coarsest buckets there are: nothing lies behind it.
    edges = [*bounds[:-1], question.high] if bounds else []
    begun = bisect_left(bounds[:-1], latest_of(now))

    def answer(series: Mapping[Key, Series], totals: Mapping[Key, Series]) -> dict[str, Any]:
        groups = trend_groups(question, bounds, series, begun=begun)
        whole = trend_groups(ungrouped(question), bounds, totals, begun=begun)
        return _answer(question, trend_text(question, query.interval), groups, whole, interval=query.interval)

    if not edges:
        return answer({}, {})
    asked = ("trend", query.interval, begun, *bounds)
    if question.mode == "cohort":
        cells, all_cells = await with_totals(
            question, lambda asked: cohort_counts(connection, asked, edges, alone=True), each=len(bounds) - 1
        )
        return work(question, asked, cells, lambda: answer(progress(question, cells), progress(question, all_cells)))
    moves, all_moves = await with_totals(
        question,
        lambda asked: move_counts(connection, asked, edges, since=edges[0], by_source=False, alone=True),
        each=len(bounds) - 1,
    )
    return work(question, asked, moves, lambda: answer(entries(moves), entries(all_moves)))


async def flow(connection: AsyncConnection, query: FlowQuery, *, now: datetime, work: Work = at_once) -> Any:
    """Answer, in the form of `FlowOut`, how many moved between each pair of stages, and on request how many different leads."""
    question = question_of(query, mode="period", now=now)
    bounds = await _buckets(connection, question, query.interval)
    edges = [*bounds[:-1], question.high] if bounds else []
    counted: list[MoveCount] = []
    of_all: Iterable[MoveCount] = []
    if edges:
        counted, of_all = await with_totals(
            question,
            lambda asked: move_counts(connection, asked, edges, since=edges[0], alone=not query.distinct),
            each=len(bounds) - 1,
        )

    def answer(
        leads: Mapping[Key, Moves] | None = None, all_leads: Mapping[Key, Moves] | None = None
    ) -> dict[str, Any]:
        groups = flow_groups(question, bounds, flows(counted), leads)
        whole = flow_groups(ungrouped(question), bounds, flows(of_all), all_leads)
        asked = {"interval": query.interval, "distinct": query.distinct}
        return _answer(question, flow_text(question, query.interval), groups, whole, **asked)

    if not query.distinct:
        return work(question, ("flow", query.interval, *bounds), counted, answer)
    # Somebody may be in two groups, so those of all groups are counted anew.
    leads = distinct(await lead_counts(connection, question, edges)) if edges else {}
    if edges and question.group_by:
        return answer(leads, distinct(await lead_counts(connection, ungrouped(question), edges)))
    return answer(leads, leads)


async def _buckets(connection: AsyncConnection, question: Question, interval: Interval | None) -> list[datetime]:
    if interval is not None:
        return await bounds_of(connection, question, interval)
    return [question.low, question.end]


async def occupancy(connection: AsyncConnection, query: OccupancyQuery, *, now: datetime, work: Work = at_once) -> Any:
    """Answer, in the form of `OccupancyOut`, how many leads stood in each stage at an instant, or at every one of a calendar's."""
    if query.at is not None:
        if query.from_ is not None or query.to is not None:
            raise Invalid("?at", "is one instant: leave from and to out, or ask for them alone")
        query = query.model_copy(update={"to": query.at})
    question = question_of(query, mode="period", now=now)
    series = question.start is not None
    instants = await bounds_of(connection, question, query.interval) if series else [question.end]
    edges = [BEGINNING, *instants[:-1], question.high]
    counted, of_all = await with_totals(
        question, lambda asked: move_counts(connection, asked, edges, since=BEGINNING, alone=True), each=len(instants)
    )
    interval = query.interval if series else None
    seen = bisect_right(instants, latest_of(now))

    def answer() -> dict[str, Any]:
        groups = occupancy_groups(question, instants, balances(counted), seen=seen)
        whole = occupancy_groups(ungrouped(question), instants, balances(of_all), seen=seen)
        return _answer(question, occupancy_text(question), groups, whole, interval=interval)

    return work(question, ("occupancy", interval, seen, *instants), counted, answer)


async def velocity(connection: AsyncConnection, query: VelocityQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `VelocityOut`, how long it takes to come to each stage, how long leads stay in it, and what that yields."""
    if query.window is not None:
        raise Invalid("?window", "would cut the long ones off; the curve says what happens within any time")
    question = question_of(query, mode="cohort", now=now)
    until = min(now, question.known_at or now)
    groups = await _velocities(connection, question, until, curve=query.curve)
    whole = (
        await _velocities(connection, ungrouped(question), until, curve=query.curve) if question.group_by else groups
    )
    return _answer(question, velocity_text(question), groups, whole)


async def _velocities(
    connection: AsyncConnection, question: Question, until: datetime, *, curve: bool
) -> list[dict[str, Any]]:
    paces = await read_paces(connection, question, now=until)
    refuse_too_many(len(paces), len(STAGES))
    keys = sorted(paces, key=lambda key: (-len(paces[key]), order_of(key))) if question.group_by else [()]

    def group(key: Key) -> dict[str, Any]:
        to, within = paces[key].unpacked(question.skips) if key in paces else ({}, {})
        worth = paces[key].pipelines if key in paces else []
        return velocity_group(question, key, to, within, worth, curve=curve)

    # A million spans take a while to sort: not in the loop that everybody else waits for.
    return await asyncio.to_thread(lambda: [group(key) for key in keys])


async def cohorts(connection: AsyncConnection, query: CohortsQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `CohortsOut`, how many of those that started in a bucket came to a stage at which age."""
    if query.window is not None:
        raise Invalid("?window", "says how old a cohort may be in a funnel; here ages and age say it")
    question = question_of(query, mode="cohort", now=now)
    size = parse_duration(query.age, pointer="?age")
    if not size or size * query.ages > LONGEST_WINDOW:
        raise Invalid("?age", "must be longer than nothing, and all ages together not longer than 100 years")
    bounds = await bounds_of(connection, question, query.interval)
    edges = [*bounds[:-1], question.high] if bounds else []

    async def counts(asked: Question) -> list[AgeCount]:
        return await age_counts(connection, asked, edges, stage=query.milestone, size=size) if edges else []

    counted, of_all = await with_totals(question, counts, each=(len(bounds) - 1) * query.ages)
    ages = Ages(size, query.ages, min(now, question.known_at or now))
    text = cohorts_text(question, query.milestone, query.interval)
    asked = {"interval": query.interval, "milestone": query.milestone, "age": duration(size), "ages": query.ages}
    groups = cohort_triangle(question, bounds, query.milestone, ages, counted)
    whole = cohort_triangle(ungrouped(question), bounds, query.milestone, ages, of_all)
    return _answer(question, text, groups, whole, **asked)
