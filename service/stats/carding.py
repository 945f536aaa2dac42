"""The card of five figures put together: the same questions for a period and for the one before it."""

from __future__ import annotations

from collections import Counter
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
from service.stats.kpis import Side, card
from service.stats.question import Addresses, Key, Question, definition
from service.stats.returning import yields_of
from service.stats.returns import Yield, in_order
from service.stats.schemas.kpis import KpisQuery
from service.stats.store.counts import move_counts
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
    sides = [await _sides(connection, asked) for asked in (question, earlier)]
    keys = in_order({key: side.found for held in reversed(sides) for key, side in held.items()})
    if question.group_by:
        whole = [await _sides(connection, ungrouped(asked)) for asked in (question, earlier)]
    else:
        whole = sides
    described = definition(question, kpis_text(question))
    described["previous"] = {"from": earlier.start, "to": earlier.end}

    def of(held: list[dict[Key, Side]], asked: Question, key: Key) -> dict[str, Any]:
        here, there = (found.get(key) or _nothing(one, key) for found, one in zip(held, (asked, earlier), strict=True))
        return card(asked, key, here, there)

    return {
        "definition": described,
        "groups": [of(sides, question, key) for key in keys],
        "totals": of(whole, ungrouped(question), ()),
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


async def _sides(connection: AsyncConnection, question: Question) -> dict[Key, Side]:
    found = await yields_of(connection, question)
    won, lost = Counter[Key](), Counter[Key]()
    bounds = (question.low, question.high)
    for count in await move_counts(connection, question, bounds, since=bounds[0]):
        if count.to_stage == Stage.WON:
            won[count.key] += count.moved_in
        elif count.to_stage == Stage.CHURNED and count.from_stage != Stage.WON:
            lost[count.key] += count.moved_in
    so_far: dict[Key, Yield] = {}
    for win in await win_counts(connection, replace(question, start=None), (BEGINNING, question.high), axis=WON):
        so_far.setdefault(win.key, Yield()).add_win(win)
    return {
        key: Side(found.get(key) or Yield(), won[key], lost[key], so_far.get(key) or Yield(), _addresses(question, key))
        for key in {*found, *won, *lost, *so_far}
    }


def _nothing(question: Question, key: Key) -> Side:
    return Side(Yield(), 0, 0, Yield(), _addresses(question, key))


def _addresses(question: Question, key: Key) -> dict[str, Addresses]:
    return {
        kind: Addresses.of(question, key, behind=kind).between(question.start, question.end)
        for kind in ("funnel", "period")
    }
