"""The card of five figures put together: the same questions for a period and for the one before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.answering import Work, at_once, refuse_too_many, ungrouped
from service.stats.asking import parse_zone, question_of
from service.stats.calendars import day_start
from service.stats.kpis import Pace, Places, Side, Worth, card, paces
from service.stats.question import Key, Question, definition, tail_of
from service.stats.returning import addresses_between
from service.stats.returns import Yield, add_spending, added, has_costs, in_order
from service.stats.schemas.kpis import KpisQuery
from service.stats.store.cards import CardCounts, Told, card_counts, read_card
from service.stats.wording import kpis_text


class _Answered(NamedTuple):
    """The groups of both periods, the earlier one first, and how long their wins took; under the empty key, those of all of them."""

    sides: list[dict[Key, Side]]
    paces: dict[Key, Pace]


Spans = tuple[Question, Question]
"""The question for the period before, and for the period."""

_FIGURES: Final = 5
_WEEK: Final = 7
_DAY: Final = timedelta(days=1)


async def kpis(connection: AsyncConnection, query: KpisQuery, *, now: datetime, work: Work = at_once) -> Any:
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
    told = await _told(connection, spans)
    refuse_too_many(len({row[2 : 2 + len(question.group_by)] for row in told}), _FIGURES)
    are_parts = _are_parts(question) or not question.group_by
    of_all = None if are_parts else await _told(connection, _alone(spans))
    return work(question, ("kpis", earlier.start), [*told, *(of_all or [])], lambda: _answer(spans, told, of_all))


def _answer(spans: Spans, told: Told, of_all: Told | None = None) -> dict[str, Any]:
    """Return the answer, which is a function of the question and of the rows that were found, and of nothing else.

    ``of_all``: what was found of all groups together, unless they add up to it.
    """
    earlier, question = spans
    answered = _answered(spans, told)
    whole = _of_all(answered) if of_all is None else _answered(_alone(spans), of_all)
    described = definition(question, kpis_text(question))
    described["previous"] = {"from": earlier.start, "to": earlier.end}
    card_of, card_of_all = _cards(spans, answered), _cards(_alone(spans), whole)
    keys = in_order({key: side.found for held in answered.sides for key, side in held.items()})
    keys = keys if keys or question.group_by else [()]
    return {"definition": described, "groups": list(map(card_of, keys)), "totals": card_of_all(())}


def _alone(spans: Spans) -> Spans:
    earlier, question = spans
    return ungrouped(earlier), ungrouped(question)


def _of_all(answered: _Answered) -> _Answered:
    """Return all groups together, for they are parts of the whole."""
    return _Answered([{(): _together(held.values())} for held in answered.sides], answered.paces)


def _are_parts(question: Question) -> bool:
    """Say whether a question's groups add up to the whole: nobody is in two of them, and they have costs if the whole has."""
    return not question.groups_overlap and has_costs(question) == has_costs(ungrouped(question))


def _cards(spans: Spans, answered: _Answered) -> Callable[[Key], dict[str, Any]]:
    """Return what makes the card of a group."""

    def of(key: Key) -> dict[str, Any]:
        before, now = (found.get(key) or Side() for found in answered.sides)
        tail = tail_of(spans[1], key)
        earlier, later = (addresses_between(tail, span.start, span.end) for span in spans)
        return card(spans[1], key, now, before, answered.paces.get(key, Pace()), Places(later, earlier))

    return of


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


async def _told(connection: AsyncConnection, spans: Spans) -> Told:
    """Return what the counters say of both periods."""
    earlier, question = spans
    both = replace(question, start=earlier.start)
    return await read_card(connection, both, [both.low, question.low, both.high], alone=_are_parts(question))


def _answered(spans: Spans, told: Told) -> _Answered:
    counts = card_counts(spans[1], told)
    return _Answered(_sides(spans, counts), paces(counts.times))


def _sides(spans: Spans, counts: CardCounts) -> list[dict[Key, Side]]:
    buckets = range(len(spans) + 1)
    found = [defaultdict[Key, Yield](Yield) for _ in buckets]
    won, lost = ([Counter[Key]() for _ in buckets] for _ in ("won", "lost"))
    for moved in counts.moved:
        found[moved.bucket][moved.key].leads += moved.started
        won[moved.bucket][moved.key] += moved.won
        lost[moved.bucket][moved.key] += moved.lost
    for win in counts.wins:
        found[win.bucket][win.key].add_win(win)
    so_far = {key: Worth().and_also(before) for key, before in found[0].items()}
    sides = []
    for bucket, span in enumerate(spans, 1):
        held = found[bucket]
        so_far |= {key: so_far.get(key, Worth()).and_also(one) for key, one in held.items() if one.wins}
        add_spending(held, span, counts.spent, parse_zone(span.tz))
        sides.append(
            {
                key: Side(held.get(key) or Yield(), won[bucket][key], lost[bucket][key], so_far.get(key) or Worth())
                for key in {*held, *won[bucket], *lost[bucket], *so_far}
            }
        )
    return sides


def _together(sides: Collection[Side]) -> Side:
    return Side(
        added(side.found for side in sides),
        sum(side.won for side in sides),
        sum(side.lost for side in sides),
        Worth.together(side.so_far for side in sides),
    )
