"""Which rule is for a lead (PURE)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from service.core.http.queries import is_attribute
from service.nurture.assignment.rules import AssignmentRules, AssignmentWhen, Rule
from service.stats.question import Segment
from service.stats.segments.checking import as_text, segment_of
from service.stats.segments.matching import belongs

Segments = Mapping[str, Segment]
_CHANGED_AS: Final = {"score_band": "score", "tag": "tags"}


def rule_for(rules: AssignmentRules, lead: Mapping[str, Any], segments: Segments) -> Rule | None:
    """Return the first rule that is for a lead, as the API shows it, or None."""
    return next((rule for rule in rules.rules if fits(rule.when, lead, segments)), None)


def fits(when: AssignmentWhen, lead: Mapping[str, Any], segments: Segments) -> bool:
    """Say whether a lead is one of those a rule is for; a segment that is not there any more has no leads."""
    if lead["stage"] not in when.stages or (when.score_gte is not None and lead["score"] < when.score_gte):
        return False
    if when.segment is not None and not (when.segment in segments and belongs(segments[when.segment], lead)):
        return False
    return when.filters is None or belongs(_as_segment(when.filters), lead)


def _as_segment(filters: Mapping[str, Any]) -> Segment:
    stored = {
        name: [None if one is None else as_text(one) for one in (value if isinstance(value, list) else [value])]
        for name, value in filters.items()
    }
    return segment_of("", stored)


def depends_on(when: AssignmentWhen, segments: Segments) -> set[str]:
    """Return the names of what a lead may change to become one of those a rule is for, as events name them; its stage is not among them."""
    names = {"score"} if when.score_gte is not None else set[str]()
    chosen = list(_as_segment(when.filters).filters) if when.filters is not None else []
    if when.segment is not None and when.segment in segments:
        chosen += segments[when.segment].filters
    for one in chosen:
        names.add("attributes" if is_attribute(one.dimension) else _CHANGED_AS.get(one.dimension, one.dimension))
    return names
