"""What the people of `leads demo` did, and what was done to reach them: more by those who will buy, and earlier, but never surely so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from service.lifecycle.ledger import Step
from service.lifecycle.machine import Event

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)

# What people do of themselves: how often of a hundred times, where, and what is told of it.
_WAYS: Final[tuple[tuple[str, int, str, tuple[dict[str, str], ...]], ...]] = (
    ("email.opened", 44, "newsletter", ({"mailing": "monthly"}, {"mailing": "case-study"}, {"mailing": "invitation"})),
    ("email.clicked", 16, "newsletter", ({"mailing": "monthly"}, {"mailing": "case-study"})),
    (
        "page.visited",
        24,
        "website",
        ({"url": "/products"}, {"url": "/pricing"}, {"url": "/cases/steel"}, {"url": "/jobs"}),
    ),
    ("content.downloaded", 9, "website", ({"title": "Buyer's guide"}, {"title": "Data sheet"})),
    ("webinar.attended", 7, "webinar", ({"title": "Plant of tomorrow"}, {"title": "Ask an engineer"})),
)
_WEIGHTS: Final = [way[1] for way in _WAYS]
_TITLES: Final = ("Head of Operations", "Plant Manager", "Buyer", "Engineer", "Managing Director", "Student", None)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that somebody did, or that was done to reach them."""

    kind: str
    at: datetime
    channel: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    rating: Mapping[str, float] | None = None


def deeds(dice: Random, start: datetime, steps: Sequence[Step], until: datetime) -> list[Deed]:
    """Return all that happened between a lead and us besides its moves, in order."""
    told = [*_answered(dice, start), *_engaged(dice, start, steps, until), *_sold(dice, steps), *_asked(dice, steps)]
    return sorted((deed for deed in told if start < deed.at < until), key=lambda deed: deed.at)


def job_title(dice: Random, steps: Sequence[Step]) -> str | None:
    """Return what somebody is; those who decide buy more often."""
    weights = (5, 5, 3, 3, 3, 1, 3) if _first(steps, Event.WIN) else (2, 3, 3, 5, 1, 4, 5)
    return dice.choices(_TITLES, weights)[0]


def _first(steps: Sequence[Step], event: Event) -> datetime | None:
    return next((step.occurred_at for step in steps if step.event == event), None)


def _answered(dice: Random, start: datetime) -> Iterator[Deed]:
    """Four of five are answered, within hours mostly, some only after days."""
    if dice.random() < 0.8:
        kind, channel = ("call.made", "phone") if dice.random() < 0.6 else ("email.sent", "mail")
        yield Deed(kind, start + dice.lognormvariate(1.4, 1.1) * _HOUR, channel)


def _engaged(dice: Random, start: datetime, steps: Sequence[Step], until: datetime) -> Iterator[Deed]:
    """How much they do tells what will become of them, but not surely."""
    qualified = _first(steps, Event.QUALIFY)
    if not _first(steps, Event.CLEAN):
        return
    interest = 9 if _first(steps, Event.WIN) else 6.5 if qualified else 4
    end = _first(steps, Event.WIN) or _first(steps, Event.CHURN) or start + 120 * _DAY
    for _ in range(round(interest * dice.lognormvariate(-0.2, 0.6))):
        kind, _, channel, told = dice.choices(_WAYS, _WEIGHTS)[0]
        yield Deed(kind, start + dice.random() ** 1.4 * (end - start), channel, dice.choice(told))
    if qualified and dice.random() < 0.55:
        yield Deed("demo.requested", qualified - dice.random() * 0.3 * (qualified - start), "website")
    elif dice.random() < 0.03:
        yield Deed("demo.requested", start + dice.random() * (end - start), "website")
    if (back := _first(steps, Event.REACTIVATE)) and dice.random() < 0.7:
        yield Deed("page.visited", back - 6 * dice.random() * _HOUR, "website", {"url": "/pricing"})
    if dice.random() < 0.02:
        yield Deed("email.unsubscribed", min(end, until), "newsletter")


def _sold(dice: Random, steps: Sequence[Step]) -> Iterator[Deed]:
    """What sales does about those who are qualified."""
    qualified = _first(steps, Event.QUALIFY)
    if qualified is None:
        return
    won = _first(steps, Event.WIN)
    if dice.random() < 0.7:
        yield Deed("meeting.held", qualified + dice.lognormvariate(1.5, 0.5) * _DAY, "sales")
    if won is not None:
        yield Deed("quote.sent", won - 0.2 * (won - qualified), "sales")


def _asked(dice: Random, steps: Sequence[Step]) -> Iterator[Deed]:
    """Every other customer answers the survey; those who stay are the happier ones."""
    won = _first(steps, Event.WIN)
    if won is None:
        return
    happy = 4.5 if _first(steps, Event.REPURCHASE) else 2.2 if steps[-1].event == Event.CHURN else 3.7
    if dice.random() < 0.5:
        value = float(min(5, max(1, round(dice.gauss(happy, 0.8)))))
        rating = {"value": value, "worst": 1.0, "best": 5.0}
        yield Deed("survey.answered", won + dice.lognormvariate(3.0, 0.4) * _DAY, "survey", rating=rating)
    if dice.random() < 0.15:
        value = float(min(10, max(0, round(dice.gauss(2 * happy, 1.5)))))
        rating = {"value": value, "worst": 0.0, "best": 10.0}
        yield Deed("interview.held", won + dice.lognormvariate(3.6, 0.4) * _DAY, "customer-success", rating=rating)
