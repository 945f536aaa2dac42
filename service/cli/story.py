"""The story `leads demo` tells: people, campaigns and fates, made up from a seed, believable in their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from service.cleaning.submission import Submission
from service.cli.engagement import Deed, deeds, job_title
from service.lifecycle.ledger import Step
from service.lifecycle.machine import Event
from service.lifecycle.reasons import CATALOGUE

DAYS: Final = 730


@dataclass(frozen=True, slots=True)
class Source:
    """A channel: how many of a hundred leads it brings, its campaigns, and how likely each next step is for its leads."""

    channel: str
    share: int
    campaigns: tuple[str | None, ...]
    clean: float
    nurture: float
    qualify: float
    win: float


SOURCES: Final = (
    Source("organic-search", 30, (None,), 0.86, 0.70, 0.42, 0.31),
    Source("paid-search", 24, ("brand", "competitor", "generic"), 0.80, 0.66, 0.33, 0.24),
    Source("linkedin-ads", 16, ("abm-tier-1", "retargeting"), 0.83, 0.72, 0.36, 0.27),
    Source("webinar", 13, ("plant-of-tomorrow", "ask-an-engineer"), 0.93, 0.81, 0.40, 0.29),
    Source("trade-fair", 9, ("hannover", "shanghai"), 0.90, 0.62, 0.47, 0.34),
    Source("partner", 8, ("referral",), 0.96, 0.74, 0.58, 0.44),
)

_FIRST = [
    "Ada",
    "Bela",
    "Chen",
    "Dana",
    "Emil",
    "Farah",
    "Goran",
    "Hana",
    "Igor",
    "Jing",
    "Kofi",
    "Lea",
    "Mika",
    "Nora",
    "Omar",
    "Petra",
    "Quentin",
    "Rosa",
    "Sami",
    "Tove",
    "Uma",
    "Viktor",
    "Wen",
    "Yara",
    "Zoe",
]
_LAST = [
    "Arendt",
    "Bauer",
    "Costa",
    "Duarte",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haas",
    "Ivanova",
    "Jansen",
    "Kaya",
    "Li",
    "Moreau",
    "Novak",
    "Okafor",
    "Petit",
    "Rossi",
    "Sato",
    "Tanaka",
    "Weber",
    "Xu",
    "Young",
]
_NOUN = [
    "Amber",
    "Beacon",
    "Cobalt",
    "Delta",
    "Ember",
    "Fathom",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Lumen",
    "Meridian",
    "Nimbus",
    "Orchard",
    "Pioneer",
]
_KIND = [
    "Robotics",
    "Logistics",
    "Foods",
    "Medical",
    "Energy",
    "Software",
    "Plastics",
    "Mobility",
    "Optics",
    "Packaging",
]
_INDUSTRIES = ("manufacturing", "logistics", "food", "healthcare", "energy", "software")
_SIZES = ("1-10", "11-50", "51-200", "201-1000", "1000+")
_COUNTRIES = ("DE", "DE", "DE", "AT", "CH", "FR", "NL", "PL", "GB", "US", "CN", "JP")
_OWNERS = ("anna.sales", "ben.sales", "carla.sales", "deniz.sales", None)
_LOST = ("price", "competitor_chosen", "no_budget", "no_decision", "bad_timing", "missing_feature")


@dataclass(frozen=True, slots=True)
class Tale:
    """One lead: how it came in, and all that happened to it until now."""

    submission: Submission
    steps: tuple[Step, ...]
    deeds: tuple[Deed, ...] = ()


def tales(count: int, *, seed: int, until: datetime) -> Iterator[Tale]:
    """Yield ``count`` leads over the two years before ``until``, the same for the same seed, in the order they came in."""
    dice = Random(seed)  # noqa: S311  a story needs no secrecy
    for number, start in enumerate(sorted(_starts(dice, count, until))):
        source = dice.choices(SOURCES, [source.share for source in SOURCES])[0]
        campaign = dice.choice(source.campaigns)
        submission = _person(dice, number, source.channel, campaign, start)
        steps = tuple(_fate(dice, source, start, until))
        # Dice of their own: what people do besides must not change what becomes of them.
        own = Random(f"{seed}/{number}")  # noqa: S311  as above
        title = job_title(own, steps)
        yield Tale(replace(submission, job_title=title), steps, tuple(deeds(own, start, steps, until)))


def _starts(dice: Random, count: int, until: datetime) -> Iterator[datetime]:
    """Business grows slowly and rests at weekends."""
    drawn = 0
    while drawn < count:
        start = until - timedelta(days=DAYS) + timedelta(days=DAYS * dice.random() ** 0.8)
        if start.weekday() < 5 or dice.random() < 0.25:
            drawn += 1
            yield start


def _person(dice: Random, number: int, channel: str, campaign: str | None, start: datetime) -> Submission:
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    company = f"{dice.choice(_NOUN)} {dice.choice(_KIND)}"
    domain = company.lower().replace(" ", "-") + ".example"
    return Submission(
        email=f"{first}.{last}.{number}@{domain}".lower(),
        first_name=first,
        last_name=last,
        company_name=company,
        company_domain=domain,
        industry=dice.choice(_INDUSTRIES),
        company_size=dice.choices(_SIZES, (10, 25, 30, 25, 10))[0],
        country=dice.choice(_COUNTRIES),
        owner=dice.choice(_OWNERS),
        channel=channel,
        campaign=campaign,
        utm={"medium": "paid" if "ads" in channel or "paid" in channel else "organic"},
        external_ids={"demo": str(number)},
        tags=("key-account",) if dice.random() < 0.04 else (),
        occurred_at=start,
    )


def _fate(dice: Random, source: Source, start: datetime, until: datetime) -> Iterator[Step]:
    at, amount = start, Decimal(round(dice.lognormvariate(9.2, 0.8), -2))
    for step in _events(dice, source):
        at += timedelta(days=dice.lognormvariate(*_PACE[step.event]))
        if at >= until:
            return
        money = (
            {"amount": amount, "currency": "EUR"} if step.event in {Event.WIN, Event.QUALIFY, Event.REPURCHASE} else {}
        )
        yield Step(
            event=step.event,
            occurred_at=at,
            reason=step.reason,
            category=CATALOGUE[step.reason] if step.reason else None,
            allow_skip=step.allow_skip,
            channel=source.channel if step.event in {Event.REACTIVATE, Event.REPURCHASE} else None,
            **money,  # type: ignore[arg-type]  # exactly the two fields above
        )


# Mean and deviation of the logarithm of the days until each event.
_PACE: Final = {
    Event.CLEAN: (-1.5, 1.0),
    Event.NURTURE: (0.5, 0.9),
    Event.QUALIFY: (2.7, 0.8),
    Event.RECYCLE: (2.3, 0.6),
    Event.WIN: (3.2, 0.7),
    Event.REPURCHASE: (5.3, 0.4),
    Event.CHURN: (3.4, 0.8),
    Event.REACTIVATE: (4.6, 0.5),
}


def _events(dice: Random, source: Source) -> Iterator[Step]:
    if dice.random() > source.clean:
        yield from _churn(dice, ("invalid_contact", "spam", "duplicate"), comes_back=False)
        return
    yield Step(event=Event.CLEAN)
    skips = dice.random() < 0.12
    if not skips:
        if dice.random() > source.nurture:
            yield from _drift_off(dice)
            return
        yield Step(event=Event.NURTURE)
    if dice.random() > source.qualify:
        yield from _drift_off(dice)
        return
    yield Step(event=Event.QUALIFY, allow_skip=skips)
    if dice.random() < 0.15:
        yield Step(event=Event.RECYCLE, reason="bad_timing")
        yield Step(event=Event.QUALIFY)
    if dice.random() > source.win:
        if dice.random() < 0.8:
            yield from _churn(dice, _LOST)
        return
    yield Step(event=Event.WIN)
    if dice.random() < 0.35:
        yield Step(event=Event.REPURCHASE)
        yield Step(event=Event.WIN)
    elif dice.random() < 0.1:
        yield from _churn(dice, ("contract_ended", "dissatisfied", "closed_down"))


def _drift_off(dice: Random) -> Iterator[Step]:
    """Some go quiet and are given up on; the others are still there."""
    if dice.random() < 0.6:
        yield from _churn(dice, ("unresponsive", "inactive"))


def _churn(dice: Random, reasons: tuple[str, ...], *, comes_back: bool = True) -> Iterator[Step]:
    yield Step(event=Event.CHURN, reason=dice.choice(reasons))
    if comes_back and dice.random() < 0.3:
        yield Step(event=Event.REACTIVATE)
        if dice.random() < 0.5:
            yield Step(event=Event.NURTURE)
            if dice.random() < 0.3:
                yield Step(event=Event.QUALIFY)
