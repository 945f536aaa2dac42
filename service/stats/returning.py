"""The question of returns answered: counts, revenue and spending brought together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.answering import refuse_too_many, ungrouped
from service.stats.asking import parse_zone, question_of
from service.stats.definitions import REACHED, STARTED, WON
from service.stats.funnel import RUNGS, CellCount, add_up
from service.stats.question import Addresses, Key, Question, definition, interval_of, tail_of
from service.stats.returns import Yield, add_spending, added, channel_group, has_costs, in_order
from service.stats.schemas.returns import ChannelsQuery
from service.stats.store.counts import cohort_counts, move_counts
from service.stats.store.spending import spent_between
from service.stats.store.wins import win_counts
from service.stats.wording import channels_text


async def channels(connection: AsyncConnection, query: ChannelsQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `ChannelsOut`, what channels (or other groups) cost and what they brought."""
    if query.window is not None:
        raise Invalid("?window", "belongs to the funnel: revenue that came later would be missing")
    question = question_of(query, mode=query.mode, now=now)
    yields = await yields_of(connection, question)
    refuse_too_many(len(yields))
    whole = yields if not question.group_by else await _whole(connection, question, yields)
    described = definition(question, channels_text(question))
    return {
        "definition": described,
        "groups": [channel_group(question, key, yields[key], addresses_of(question, key)) for key in in_order(yields)],
        "totals": channel_group(ungrouped(question), (), whole[()], addresses_of(ungrouped(question), ())),
    }


async def _whole(connection: AsyncConnection, question: Question, yields: Mapping[Key, Yield]) -> Mapping[Key, Yield]:
    """Return all groups together: their sum, unless somebody may be in two of them, or only the whole has costs."""
    if question.groups_overlap or has_costs(question) != has_costs(ungrouped(question)):
        return await yields_of(connection, ungrouped(question))
    return {(): added(yields.values())}


def addresses_of(question: Question, key: Key) -> dict[str, Addresses]:
    """Return the addresses of a group: of what started in the interval, and of what happened in it."""
    return addresses_between(tail_of(question, key), question.start, question.end)


def addresses_between(tail: str, start: datetime | None, end: datetime) -> dict[str, Addresses]:
    """Return the same of a group whose part of the address is known."""
    ending = tail + interval_of(start, end)
    return {kind: Addresses(f"/v1/leads?behind={kind}{ending}") for kind in ("funnel", "period")}


async def yields_of(connection: AsyncConnection, question: Question) -> defaultdict[Key, Yield]:
    """Return what every group of a question brought, and cost; without grouping there is always one."""
    yields: defaultdict[Key, Yield] = defaultdict(Yield)
    if not question.group_by:
        yields[()] = Yield()
    bounds = (question.low, question.high)
    cohort = replace(question, mode="cohort")
    for key, cells in _by_key(await cohort_counts(connection, cohort, bounds)).items():
        figures = add_up(cells, question.skips)
        yields[key].leads = figures[RUNGS[0], REACHED]
        if question.mode == "cohort":
            yields[key].opportunities = figures["opportunity", REACHED]
    if question.mode == "period":
        for count in await move_counts(connection, question, bounds, since=bounds[0]):
            if count.to_stage == "opportunity":
                yields[count.key].opportunities += count.moved_in
    axis = STARTED if question.mode == "cohort" else WON
    for win in await win_counts(connection, question, bounds, axis=axis):
        yields[win.key].add_win(win)
    if has_costs(question):
        spending = await spent_between(connection, question.low, question.end)
        add_spending(yields, question, spending, parse_zone(question.tz))
    return yields


def _by_key(counts: list[CellCount]) -> dict[Key, list[tuple[int, int]]]:
    found: dict[Key, list[tuple[int, int]]] = {}
    for count in counts:
        found.setdefault(count.key, []).append((count.cell, count.journeys))
    return found
