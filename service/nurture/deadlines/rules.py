"""Rules of deadlines and the calendars they count by, as data; and which of them is for a lead (PURE).

The first rule that fits is the one that applies, one for each thing that is to be done: put the narrow ones first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.core.errors import Invalid
from service.lifecycle.stages import Stage
from service.nurture.deadlines.calendars import ALWAYS, WEEKDAYS, Calendar, Hours
from service.nurture.rules import RuleSet
from service.stats.asking import parse_duration, parse_zone
from service.stats.question import SCORE_BANDS

What = Literal["first_response", "leave_stage"]
WHATS: Final[tuple[What, ...]] = ("first_response", "leave_stage")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Band = Literal["below-25", "25-49", "50-74", "from-75"]

_HOURS: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_DAY: Final = 24 * 60
_YEARLY: Final = re.compile(r"\d\d-\d\d", re.ASCII)
_LONGEST_HOLIDAY: Final = 366
# A year in which every day of any year is.
_LEAP: Final = 2000


def hours_of(given: str) -> Hours:
    """Return hours such as ``09:00-18:00``; an end that is not after the beginning is in the next day."""
    match = _HOURS.fullmatch(given)
    if match is None:
        raise ValueError("hours are written as 09:00-18:00")
    first, minute, last, until = map(int, match.groups())
    begin, end = first * 60 + minute, last * 60 + until
    if begin >= _DAY or end > _DAY:
        raise ValueError("a day begins at 00:00 and ends at 24:00")
    return Hours(begin, end if end > begin else end + _DAY)


def _checked_hours(given: str) -> str:
    hours_of(given)
    return given


def _checked_zone(given: str) -> str:
    try:
        parse_zone(given)
    except Invalid as fault:
        raise ValueError(fault.detail) from None
    return given


def days_of(given: str) -> Iterator[date]:
    """Yield the days of a holiday: ``2026-10-01``, or ``2026-10-01/2026-10-07`` with both ends; none of one that is every year."""
    if _YEARLY.fullmatch(given):
        date.fromisoformat(f"{_LEAP}-{given}")
        return
    first, _, last = given.partition("/")
    since, until = date.fromisoformat(first), date.fromisoformat(last or first)
    if not 0 <= (until - since).days < _LONGEST_HOLIDAY:
        raise ValueError("a holiday ends on or after the day it begins, and within a year")
    for number in range((until - since).days + 1):
        yield since + timedelta(days=number)


def _checked_holiday(given: str) -> str:
    for _ in days_of(given):
        pass
    return given


Worked = Annotated[str, AfterValidator(_checked_hours)]
Holiday = Annotated[str, AfterValidator(_checked_holiday)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WorkingCalendar(_Part):
    """The working hours of a place, by its clocks. Hours such as ``22:00-06:00`` end in the next day and belong to the one they begin on."""

    tz: Annotated[str, AfterValidator(_checked_zone), Field(examples=["Asia/Shanghai"], description="IANA time zone")]
    hours: Annotated[
        dict[Weekday, list[Worked]],
        Field(examples=[{"mon": ["09:00-12:00", "13:30-18:00"]}], description="A weekday that is left out has none"),
    ]
    holidays: Annotated[
        list[Holiday],
        Field(
            max_length=1000,
            examples=[["2026-10-01/2026-10-07", "12-25"]],
            description="Days without hours: a date, a first and a last day, or month and day of every year",
        ),
    ] = []
    working_days: Annotated[
        dict[date, Weekday | list[Worked]],
        Field(
            max_length=1000,
            examples=[{"2026-10-10": "fri"}],
            description="Days with other hours than theirs, holidays too: those of a weekday (make-up working days), or any. None: `[]`",
        ),
    ] = {}

    @model_validator(mode="after")
    def _is_worked_in(self) -> Self:
        if not any(self.hours.values()):
            raise ValueError("hours: there are none on any weekday")
        return self

    @cached_property
    def calendar(self) -> Calendar:
        """The calendar to count with; it remembers what it has worked out."""
        week = [[hours_of(one) for one in self.hours.get(name, ())] for name in WEEKDAYS]
        special = {
            day: week[WEEKDAYS.index(hours)] if isinstance(hours, str) else [hours_of(one) for one in hours]
            for day, hours in self.working_days.items()
        }
        return Calendar(
            zone=ZoneInfo(self.tz),
            week=week,
            holidays=frozenset(day for one in self.holidays for day in days_of(one)),
            yearly=frozenset((int(one[:2]), int(one[3:])) for one in self.holidays if _YEARLY.fullmatch(one)),
            special=special,
        )


Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)]


def _checked_allowed(given: int | str) -> int | str:
    span = span_of(given)
    if not timedelta() < span <= timedelta(days=3660):
        raise ValueError("must be more than nothing, and at most ten years")
    return given


def span_of(given: int | str) -> timedelta:
    """Return a span given in minutes or as an ISO 8601 duration."""
    if isinstance(given, int):
        return timedelta(minutes=given)
    try:
        return parse_duration(given)
    except Invalid as fault:
        raise ValueError(fault.detail) from None


class SlaRule(_Part):
    """How long something may take, for the leads that it is for; what is left out of the conditions may be anything."""

    key: Key
    stage: Stage
    what: Annotated[
        What,
        Field(
            description="`first_response`: that one of us gets in touch with the lead, or it leaves the stage; `leave_stage`: that it leaves"
        ),
    ]
    allowed: Annotated[
        Annotated[int, Field(ge=1, le=5_270_400, strict=True)] | str,
        AfterValidator(_checked_allowed),
        Field(
            examples=["PT2H"],
            description="From when the stage is entered: minutes, or an ISO 8601 duration; of working time with a calendar, in hours then",
        ),
    ]
    calendar: Key | None = None
    channel: Words = []
    score_band: list[Band] = []
    score_gte: int | None = None
    score_lt: int | None = None
    segment: Annotated[str, Field(max_length=100, description="Key of a saved segment")] | None = None

    @model_validator(mode="after")
    def _counts_hours(self) -> Self:
        if self.calendar is not None and isinstance(self.allowed, str) and ("W" in self.allowed or "D" in self.allowed):
            raise ValueError("allowed: no day of a calendar is 24 hours long: give hours and minutes, such as PT16H")
        return self

    @property
    def span(self) -> timedelta:
        """How long it may take."""
        return span_of(self.allowed)

    def fits(self, *, stage: str, channel: str | None, score: int, is_of: Callable[[str], bool]) -> bool:
        """Say whether it is for a lead in a stage that some channel brought; ``is_of`` says of which segments the lead is."""
        return (
            self.stage == stage
            and (not self.channel or channel in self.channel)
            and (not self.score_band or band_of(score) in self.score_band)
            and (self.score_gte is None or score >= self.score_gte)
            and (self.score_lt is None or score < self.score_lt)
            and (self.segment is None or is_of(self.segment))
        )


def _within_checked(given: str) -> str:
    span_of(given)
    return given


class SlaRules(_Part):
    """All rules of deadlines, in the order in which they are tried, and the calendars they name."""

    calendars: Annotated[dict[Key, WorkingCalendar], Field(max_length=100)] = {}
    rules: Annotated[list[SlaRule], Field(max_length=200)] = []
    known_within: Annotated[
        str,
        AfterValidator(_within_checked),
        Field(
            description="Of a stage that was entered longer than this before we were told, nothing is measured: an import of old leads is not a thousand failures",
        ),
    ] = "P1D"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        keys = [rule.key for rule in self.rules]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"rules: two are called {min(twice)!r}")
        for rule in self.rules:
            if rule.calendar is not None and rule.calendar not in self.calendars:
                raise ValueError(f"rules: {rule.key!r} counts by a calendar that is not here: {rule.calendar!r}")
        return self

    @property
    def segments(self) -> set[str]:
        """The segments that rules name."""
        return {rule.segment for rule in self.rules if rule.segment is not None}

    def calendar_of(self, key: str | None) -> Calendar:
        """Return a calendar by its key; without one, every hour counts."""
        known = self.calendars.get(key) if key is not None else None
        return known.calendar if known else ALWAYS


SLA_RULES: Final = RuleSet("sla-rules", SlaRules)


def band_of(score: int) -> str:
    """Return the band of a score."""
    return next(name for bound, name in SCORE_BANDS if bound is None or score < bound)


@dataclass(frozen=True)
class Held:
    """The rules of a version, and since when they hold."""

    rules: SlaRules
    version: int
    since: datetime

    @cached_property
    def known_within(self) -> timedelta:
        """How late we may be told of a stage that is to be measured."""
        return span_of(self.rules.known_within)

    def due(self, rule: SlaRule, start: datetime) -> datetime:
        """Return when the time of a rule is up; raises `NeverReached`."""
        return self.rules.calendar_of(rule.calendar).add(start, rule.span)
