"""The card of five figures put together: the same questions for a period and for the one before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.lifecycle.stages import Stage
from service.stats.answering import ungrouped
from service.stats.asking import parse_zone, question_of
from service.stats.calendars import day_start
from service.stats.definitions import BEGINNING, WON
from service.stats.funnel import CellCount, MoveCount
from service.stats.kpis import Side, card
from service.stats.question import Key, Question, definition
from service.stats.returning import addresses_of
from service.stats.returns import Spent, WinCount, Yield, add_spending, added, has_costs, in_order
from service.stats.schemas.kpis import KpisQuery
from service.stats.store.counts import cohort_counts, move_counts
from service.stats.store.spending import spent_between
from service.stats.store.wins import win_counts
from service.stats.wording import kpis_text

_WEEK: Final = 7
_DAY: Final = timedelta(days=1)


async def kpis(connection: AsyncConnection, query: KpisQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `KpisOut`, with the figures of a period against those of the one before it."""
    for name in ("window", "known_at"):
        if getattr(query, name) is not None:
            raise Invalid(
                f"?{name}", "does not go with the card: it tells of what happened in a period, as it is known now"
            )
    zone = parse_zone(query.tz)
    question = question_of(_this_week(query, zone, now), mode="period", now=now)
    if question.start is None:
        raise Invalid("?from", "must be given together with to")
    earlier = replace(
        question, start=_as_long_before(question.start, question.end, zone), end=question.start, open_ended=False
    )
    spans = (earlier, question)
    sides = await _sides(connection, spans)
    keys = in_order({key: side.found for held in sides for key, side in held.items()})
    alone = tuple(map(ungrouped, spans))
    if not question.group_by:
        whole = sides
    elif "tag" in question.group_by or has_costs(question) != has_costs(alone[1]):
        whole = await _sides(connection, alone)
    else:
        whole = [{(): _together(held.values(), asked)} for held, asked in zip(sides, alone, strict=True)]
    described = definition(question, kpis_text(question))
    described["previous"] = {"from": earlier.start, "to": earlier.end}

    def of(held: Sequence[Mapping[Key, Side]], asked: Sequence[Question], key: Key) -> dict[str, Any]:
        before, now = (found.get(key) or _nothing(one, key) for found, one in zip(held, asked, strict=True))
        return card(asked[1], key, now, before)

    return {
        "definition": described,
        "groups": [of(sides, spans, key) for key in keys],
        "totals": of(whole, alone, ()),
    }


def _this_week(query: KpisQuery, zone: ZoneInfo, now: datetime) -> KpisQuery:
    if query.from_ is not None or query.to is not None:
        return query
    today = now.astimezone(zone).date()
    return query.model_copy(update={"from_": str(today - _WEEK * _DAY), "to": str(today)})


def _as_long_before(start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """Return where the period before begins: as many whole days, if it is days, or else as long."""
    first, last = (at.astimezone(zone).date() for at in (start, end))
    if (day_start(first, zone), day_start(last, zone)) == (start, end):
        return day_start(first - (last - first), zone)
    return start - (end - start)


async def _sides(connection: AsyncConnection, spans: Sequence[Question]) -> list[dict[Key, Side]]:
    """Return the sides of both periods, each question of the counters asked once for both."""
    earlier, question = spans
    both = replace(question, start=earlier.start)
    bounds = [both.low, question.low, both.high]
    cells = await cohort_counts(connection, replace(both, mode="cohort"), bounds)
    moved = await move_counts(connection, both, bounds, since=bounds[0])
    wins = await win_counts(connection, both, bounds, axis=WON)
    ever = await win_counts(connection, replace(both, start=None), [BEGINNING, *bounds], axis=WON, by_days=False)
    spending = await spent_between(connection, both.low, both.high) if has_costs(question) else []
    zone = parse_zone(question.tz)
    return [
        _side(span, cells, moved, wins, ever, bucket, spending=spending, zone=zone)
        for bucket, span in enumerate(spans, 1)
    ]


def _side(
    span: Question,
    cells: Iterable[CellCount],
    moved: Iterable[MoveCount],
    wins: Iterable[WinCount],
    ever: Iterable[WinCount],
    bucket: int,
    *,
    spending: Iterable[Spent],
    zone: ZoneInfo,
) -> dict[Key, Side]:
    found: defaultdict[Key, Yield] = defaultdict(Yield)
    so_far: defaultdict[Key, Yield] = defaultdict(Yield)
    won, lost = Counter[Key](), Counter[Key]()
    for cell in cells:
        if cell.bucket == bucket:
            found[cell.key].leads += cell.journeys
    for move in moved:
        if move.bucket == bucket and move.to_stage == Stage.WON:
            won[move.key] += move.moved_in
        elif move.bucket == bucket and move.to_stage == Stage.CHURNED and move.from_stage != Stage.WON:
            lost[move.key] += move.moved_in
    for win in wins:
        if win.bucket == bucket:
            found[win.key].add_win(win)
    # The first bucket is all that was before both periods.
    for win in ever:
        if win.bucket <= bucket + 1:
            so_far[win.key].add_win(win)
    add_spending(found, span, spending, zone)
    return {
        key: Side(found.get(key) or Yield(), won[key], lost[key], so_far.get(key) or Yield(), addresses_of(span, key))
        for key in {*found, *won, *lost, *so_far}
    }


def _together(sides: Collection[Side], asked: Question) -> Side:
    return Side(
        added(side.found for side in sides),
        sum(side.won for side in sides),
        sum(side.lost for side in sides),
        added(side.so_far for side in sides),
        addresses_of(asked, ()),
    )


def _nothing(question: Question, key: Key) -> Side:
    return Side(Yield(), 0, 0, Yield(), addresses_of(question, key))
