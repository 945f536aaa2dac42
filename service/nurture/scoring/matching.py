"""Which rules a lead and its activities meet, and what entries that makes (PURE)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from service.nurture.scoring.decay import Entry, lasting
from service.nurture.scoring.rules import EngagementRule, FitRule, ScoringRules
from service.stats.question import SCORE_BANDS
from service.stats.segments.checking import as_text, segment_of, stored_filters
from service.stats.segments.matching import belongs

Lead = Mapping[str, Any]
"""A lead as the API shows it, or as much of it as rules can ask for."""

_BANDS: Final = tuple(bound for bound, _ in SCORE_BANDS if bound is not None)
_ANY: Final = ".*"


class Activity(NamedTuple):
    """As much of an activity as rules can ask for; ``rating`` is where on its scale it is, from 0 to 1, ``data`` what it carries as JSON."""

    id: UUID
    kind: str
    occurred_at: datetime
    channel: str | None = None
    rating: float | None = None
    data: str | None = None


class Scoring:
    """Rules made ready, with the version they are of."""

    def __init__(self, rules: ScoringRules, version: int) -> None:
        self.rules = rules
        self.version = version
        self._fits = [(rule, _fit(rule)) for rule in rules.fit]
        self._engages = [(rule, *_kinds(rule), _engagement(rule)) for rule in rules.engagement]
        self._by_kind: dict[str, list[tuple[EngagementRule, Callable[[Activity], bool]]]] = {}
        self._known = {(rule.key, rule.points, None) for rule in rules.fit} | {
            (rule.key, rule.points, rule.half_life_days) for rule in rules.engagement
        }
        self._lasting = {
            rule.key: lasting(rule.points, rule.half_life_days) for rule in rules.engagement if rule.half_life_days
        }
        self.thresholds = sorted({*_BANDS, *rules.thresholds})

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of activities that rules name."""
        return sorted({kind for _, kinds, _, _ in self._engages for kind in kinds})

    @property
    def beginnings(self) -> list[str]:
        """Return with what the kinds begin that rules name by their beginnings."""
        return sorted({beginning for _, _, beginnings, _ in self._engages for beginning in beginnings})

    @property
    def asks_for_data(self) -> bool:
        """Say whether any rule looks into what activities carry."""
        return any(rule.data for rule in self.rules.engagement)

    def since(self, at: datetime) -> datetime | None:
        """Return from when on activities can be worth anything at an instant: a whole day's beginning; None: they always can."""
        if len(self._lasting) < len(self.rules.engagement):
            return None
        start = at - max(self._lasting.values(), default=timedelta())
        return start.replace(hour=0, minute=0, second=0, microsecond=0)

    def still_has(self, entry: Entry) -> bool:
        """Say whether an entry's rule is still there, and gives as much for as long."""
        return (entry.rule, entry.points, entry.half_life_days) in self._known

    def fit(self, lead: Lead, at: datetime) -> list[Entry]:
        """Return the entries of the rules that a lead meets."""
        return [
            Entry(
                rule=rule.key,
                version=self.version,
                kind="fit",
                points=rule.points,
                half_life_days=None,
                activity_id=None,
                occurred_at=at,
                fades_at=None,
            )
            for rule, holds in self._fits
            if holds(lead)
        ]

    def engagement(self, activities: Iterable[Activity], at: datetime) -> list[Entry]:
        """Return the entries of activities, which are given oldest first, that are worth anything at an instant."""
        met: dict[str, list[Activity]] = defaultdict(list)
        for activity in activities:
            for rule, holds in self._rules_for(activity.kind):
                if holds(activity):
                    met[rule.key].append(activity)
        return [
            entry
            for rule in self.rules.engagement
            for activity in _counted(rule, met.get(rule.key, ()))
            if (entry := self._entry(rule, activity)).fades_at is None or entry.fades_at > at
        ]

    def _entry(self, rule: EngagementRule, activity: Activity) -> Entry:
        return Entry(
            rule=rule.key,
            version=self.version,
            kind="engagement",
            points=rule.points,
            half_life_days=rule.half_life_days,
            activity_id=activity.id,
            occurred_at=activity.occurred_at,
            fades_at=activity.occurred_at + self._lasting[rule.key] if rule.half_life_days else None,
        )

    def _rules_for(self, kind: str) -> list[tuple[EngagementRule, Callable[[Activity], bool]]]:
        if kind not in self._by_kind:
            if len(self._by_kind) > 1000:
                self._by_kind.clear()
            self._by_kind[kind] = [
                (rule, holds)
                for rule, kinds, beginnings, holds in self._engages
                if kind in kinds or kind.startswith(beginnings)
            ]
        return self._by_kind[kind]


def seen(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return as much of a lead's row as rules can ask for, as the API shows it."""
    company = {"industry": "industry", "size": "company_size", "country": "country", "region": "region"}
    names = ("tags", "attributes", "channel", "campaign", "owner", "job_title", "verdict")
    return {name: row[name] for name in names} | {
        "company": {name: row[column] for name, column in company.items()},
    }


def _counted(rule: EngagementRule, met: Sequence[Activity]) -> Sequence[Activity]:
    if rule.per_day is not None:
        days: dict[date, int] = defaultdict(int)
        chosen = []
        for activity in met:
            day = activity.occurred_at.date()
            days[day] += 1
            if days[day] <= rule.per_day:
                chosen.append(activity)
        met = chosen
    return met[-rule.at_most :] if rule.at_most is not None else met


def _fit(rule: FitRule) -> Callable[[Lead], bool]:
    segment = segment_of(rule.key, stored_filters(rule.when, {})) if rule.when else None
    words = _words(rule.job_title) if rule.job_title else None
    verdicts = rule.verdict

    def holds(lead: Lead) -> bool:
        return (
            (segment is None or belongs(segment, lead))
            and (words is None or words.search(lead["job_title"] or "") is not None)
            and (verdicts is None or lead["verdict"] in verdicts)
        )

    return holds


def _words(words: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of these words; those of scripts without spaces are found inside of others."""
    parts = (rf"(?<!\w){re.escape(word)}(?!\w)" if word.isascii() else re.escape(word) for word in words)
    return re.compile("|".join(parts), re.IGNORECASE)


def _kinds(rule: EngagementRule) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the kinds that a rule names, and with what those begin that it names by their beginnings."""
    named = [rule.kind] if isinstance(rule.kind, str) else rule.kind
    beginnings = tuple(kind.removesuffix("*") for kind in named if kind.endswith(_ANY) or kind == "*")
    return frozenset(kind for kind in named if not kind.endswith(_ANY) and kind != "*"), beginnings


def _engagement(rule: EngagementRule) -> Callable[[Activity], bool]:
    channels, low, high = rule.channel, rule.rating_gte, rule.rating_lte
    data = {name: _values(wanted) for name, wanted in (rule.data or {}).items()}

    def holds(activity: Activity) -> bool:
        if channels is not None and activity.channel not in channels:
            return False
        if low is not None and (activity.rating is None or activity.rating < low):
            return False
        if high is not None and (activity.rating is None or activity.rating > high):
            return False
        if not data:
            return True
        told = orjson.loads(activity.data or "{}")
        return all(name in told and has(as_text(told[name])) for name, has in data.items())

    return holds


def _values(wanted: Any) -> Callable[[str], bool]:
    texts = [as_text(value) for value in (wanted if isinstance(wanted, list) else [wanted])]
    beginnings = tuple(text.removesuffix("*") for text in texts if text.endswith("*"))
    exact = frozenset(text for text in texts if not text.endswith("*"))
    return lambda text: text in exact or text.startswith(beginnings)
