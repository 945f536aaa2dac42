"""A question put to the statistics (PURE): what is counted, when, how and by what; and the address of the leads behind a figure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import quote

from service.stats.calendars import is_aligned
from service.stats.definitions import BEGINNING, END, Skips

Unit = Literal["journey", "lead"]
Mode = Literal["cohort", "period"]
NamedDimension = Literal[
    "channel", "campaign", "entry_stage", "industry", "company_size", "country", "region", "owner", "score_band", "tag"
]
Dimension = str
"""One of the `NamedDimension`, or a custom attribute of the lead: ``attributes.plan``."""
Operator = Literal["gte", "lte", "gt", "lt"]
AsOf = Literal["entry", "now"]
Key = tuple[str | None, ...]
"""The values of the dimensions that a question groups by, in their order; None is a missing value."""

JOURNEY_DIMENSIONS: Final = frozenset({"channel", "campaign", "entry_stage"})
"""What a journey itself knows, and the cohort rollup with it; all other dimensions are the lead's, as it is now or as it was at entry."""

MAX_GROUP_BY: Final = 3

SCORE_BANDS: Final = ((25, "below-25"), (50, "25-49"), (75, "50-74"), (None, "from-75"))
"""The bands of a lead's score: the first score that is above the band, and the band's name."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which values of a dimension are counted: any of these, and with ``missing`` also leads that have none.

    With an ``operator``, those on that side of the one value: a number, or a date. Only attributes are compared so.
    """

    dimension: Dimension
    values: tuple[str, ...]
    missing: bool = False
    operator: Operator | None = None

    @property
    def parameter(self) -> str:
        """Return the query's parameter that asks for these values."""
        return self.dimension if self.operator is None else f"{self.dimension}_{self.operator}"


@dataclass(frozen=True, slots=True)
class Segment:
    """A filter that was given a name: all of its ``filters`` must hold."""

    key: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. ``start`` None is the beginning; ``open_ended`` says that nobody named an end, so that ``end`` lies after all there is.

    ``as_of`` says whether dimensions of the lead are taken as they are now, or as they were when the journey began.
    """

    start: datetime | None
    end: datetime
    open_ended: bool
    tz: str
    unit: Unit
    mode: Mode
    skips: Skips
    window: timedelta | None
    known_at: datetime | None
    group_by: tuple[Dimension, ...]
    filters: tuple[Filter, ...]
    segment: Segment | None = None
    as_of: AsOf = "now"

    @property
    def low(self) -> datetime:
        """Return the instant from which on is counted."""
        return self.start or BEGINNING

    @property
    def high(self) -> datetime:
        """Return the instant before which is counted."""
        return END if self.open_ended else self.end

    @property
    def conditions(self) -> tuple[Filter, ...]:
        """Return all that must hold of what is counted: the question's own filters, then those of its segment."""
        return self.filters + (self.segment.filters if self.segment else ())

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """Return all dimensions the question groups or filters by."""
        return frozenset(self.group_by) | {chosen.dimension for chosen in self.conditions}

    @property
    def groups_overlap(self) -> bool:
        """Say whether one lead may be in several groups: then these do not add up to the whole."""
        return overlap(self.group_by)

    def is_rolled_up(self, *bounds: datetime) -> bool:
        """Say whether the rollup can answer, with these instants as its cuts; otherwise the journeys or transitions themselves must."""
        if self.window is not None or self.known_at is not None or not is_aligned(self.low, self.high, *bounds):
            return False
        known = JOURNEY_DIMENSIONS if self.mode == "cohort" else JOURNEY_DIMENSIONS - {"entry_stage"}
        return self.dimensions <= known and (self.mode == "cohort" or self.unit == "journey")

    def key_of(self, key: Key) -> dict[str, str | None]:
        """Return a group's key with the names of its dimensions."""
        return dict(zip(self.group_by, key, strict=True))


def overlap(group_by: Iterable[Dimension]) -> bool:
    """Say whether one lead may be in several groups of these dimensions: it may have several tags."""
    return "tag" in group_by


def instant(at: datetime) -> str:
    """Return an instant as the API writes it: RFC 3339, UTC, ``Z``."""
    return at.isoformat().replace("+00:00", "Z")


def duration(span: timedelta) -> str:
    """Return a duration as ISO 8601: whole days as ``P30D``, anything else in seconds."""
    return f"P{span.days}D" if span == timedelta(days=span.days) else f"PT{span // timedelta(seconds=1)}S"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of the leads behind the figures of one group: all begin alike."""

    prefix: str

    @classmethod
    def of(cls, question: Question, key: Key, *, behind: str) -> Addresses:
        """Return the addresses of a group of an answer; ``behind`` names the list's kind: funnel or period."""
        return cls(f"/v1/leads?behind={behind}{tail_of(question, key)}")

    def between(self, start: datetime | None, end: datetime) -> Addresses:
        """Return the addresses of the figures of ``[start, end)``."""
        return Addresses(self.prefix + interval_of(start, end))

    def at(self, stage: str, part: str) -> str:
        """Return the address of one figure: a part of a stage."""
        return f"{self.prefix}&stage={stage}&part={part}"

    def anywhere(self, part: str) -> str:
        """Return the address of a part of all stages together."""
        return f"{self.prefix}&part={part}"


# The bounds of a question stand in every address of its answer.
@lru_cache(maxsize=4096)
def interval_of(start: datetime | None, end: datetime) -> str:
    """Return ``[start, end)`` as it stands in an address."""
    since = f"&from={instant(start)}" if start else ""
    return f"{since}&to={instant(end)}"


def tail_of(question: Question, key: Key) -> str:
    """Return what all addresses of a group have in common, whatever the kind of the list and its interval."""
    pairs: list[tuple[str, str]] = []
    if question.unit != "journey":
        pairs.append(("unit", question.unit))
    if question.skips != "credit":
        pairs.append(("skips", question.skips))
    if question.window is not None:
        pairs.append(("window", duration(question.window)))
    if question.known_at is not None:
        pairs.append(("known_at", instant(question.known_at)))
    if question.as_of != "now":
        pairs.append(("as_of", question.as_of))
    if question.segment is not None:
        pairs.append(("segment", question.segment.key))
    return "".join(f"&{_pair(name, value)}" for name, value in [*pairs, *_narrowed(question, key)])


@lru_cache(maxsize=4096)
def _pair(name: str, value: str) -> str:
    """Return a parameter as it stands in an address; the same few stand in hundreds of them."""
    return f"{quote(name, safe=':')}={quote(value, safe=':')}"


def _narrowed(question: Question, key: Key) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for chosen in question.filters:
        if chosen.operator is not None or chosen.dimension not in question.group_by:
            pairs += [(chosen.parameter, value) for value in chosen.values]
            pairs += [("missing", chosen.dimension)] if chosen.missing else []
    for dimension, value in zip(question.group_by, key, strict=True):
        pairs.append(("missing", dimension) if value is None else (dimension, value))
    return pairs


def definition(question: Question, text: str) -> dict[str, Any]:
    """Return the definition that an answer carries: every parameter as it was understood, and all of it in words."""
    segment = question.segment
    return {
        "unit": question.unit,
        "mode": question.mode,
        "skips": question.skips,
        "from": question.start,
        "to": question.end,
        "tz": question.tz,
        "window": duration(question.window) if question.window is not None else None,
        "known_at": question.known_at,
        "group_by": list(question.group_by),
        "filters": filters_out(question.filters),
        "segment": {"key": segment.key, "filters": filters_out(segment.filters)} if segment else None,
        "as_of": question.as_of,
        "text": text,
    }


def filters_out(filters: Iterable[Filter]) -> dict[str, list[str | None]]:
    """Return filters as answers show them: parameter and values, null for what has none; two bounds on one side are both listed."""
    shown: dict[str, list[str | None]] = {}
    for chosen in filters:
        shown.setdefault(chosen.parameter, []).extend([*chosen.values, *([None] if chosen.missing else [])])
    return shown
