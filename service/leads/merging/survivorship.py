"""Survivorship: of what two leads say of one person, which is kept in view. Nothing is lost: the merge remembers both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from service.leads.merging.facts import Facts, Path, name_of

Rule = Literal["newest", "oldest", "survivor", "duplicate", "longest", "most_complete"]
Whose = Literal["survivor", "duplicate"]

DEFAULT_RULES: Final[Mapping[str, Any]] = {
    "default": "newest",
    "fields": {"external_ids": "survivor", "owner": "survivor"},
}
"""What holds while nobody wrote rules: the newest word on each field; of two ids in one system, or two owners, the survivor's is shown."""

_NAMES: Final[tuple[Path, ...]] = (("first_name",), ("last_name",))
_BEST_FIRST: Final = ("valid", "suspect", "invalid")
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two leads: its facts, and when each was last told anew."""

    facts: Facts
    times: Mapping[Path, datetime]

    def at(self, path: Path) -> datetime:
        """Return when a fact was last told anew."""
        return self.times.get(path, _LONG_AGO)


def survive(
    survivor: Side, duplicate: Side, *, rules: Mapping[str, Any], chosen: Mapping[str, Whose]
) -> dict[Path, Any]:
    """Return the facts of the survivor that the duplicate's replace or add to, with their new values.

    What is known comes before what is not; then what the caller has ``chosen``, then the rules, decide. Where a fact came from
    (``utm``) and what the ledger says is not decided here.
    """
    won: dict[Path, Any] = {}
    for path in {**survivor.facts, **duplicate.facts}:
        if path[0] in _DECIDED_ELSEWHERE or path in _NAMES or path[0] == "raw":
            continue
        if _winner(path, survivor, duplicate, rules, chosen) == "duplicate":
            won[path] = duplicate.facts[path]
    return won | _names(survivor, duplicate, won, rules, chosen) | _better(survivor.facts, duplicate.facts)


_DECIDED_ELSEWHERE: Final = ("utm", "amount", "verdict", "score", "last_activity_at")


def _winner(
    path: Path, survivor: Side, duplicate: Side, rules: Mapping[str, Any], chosen: Mapping[str, Whose]
) -> Whose:
    ours, theirs = survivor.facts.get(path), duplicate.facts.get(path)
    if theirs is None or ours == theirs:
        return "survivor"
    if ours is None:
        return "duplicate"
    return _decide(_rule_for(path, rules, chosen), path, survivor, duplicate)


def _rule_for(path: Path, rules: Mapping[str, Any], chosen: Mapping[str, Whose]) -> Rule:
    names = (name_of(path), path[0])
    found: Rule | None = next((chosen[name] for name in names if name in chosen), None)
    fields: Mapping[str, Rule] = rules.get("fields") or {}
    found = found or next((fields[name] for name in names if name in fields), None)
    return found or rules.get("default") or "newest"


def _decide(rule: Rule, path: Path, survivor: Side, duplicate: Side) -> Whose:
    ours, theirs = survivor.facts[path], duplicate.facts[path]
    match rule:
        case "survivor" | "duplicate":
            return rule
        case "newest":
            is_theirs = _said(theirs, duplicate.at(path)) > _said(ours, survivor.at(path))
        case "oldest":
            is_theirs = _said(theirs, duplicate.at(path)) < _said(ours, survivor.at(path))
        case "longest":
            is_theirs = len(str(theirs)) > len(str(ours))
        case "most_complete":
            is_theirs = len(duplicate.facts) > len(survivor.facts)
    return "duplicate" if is_theirs else "survivor"


def _said(value: Any, at: datetime) -> datetime:
    """Return when a fact was said: a word on a consent says so itself."""
    told = value.get("at") if isinstance(value, Mapping) else None
    if not isinstance(told, str):
        return at
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return at
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _names(
    survivor: Side, duplicate: Side, won: Mapping[Path, Any], rules: Mapping[str, Any], chosen: Mapping[str, Whose]
) -> dict[Path, Any]:
    """Keep a name in one piece: its parts go with the full name, unless only one of the two has one."""
    full: Path = ("full_name",)
    if full in survivor.facts and full in duplicate.facts and survivor.facts[full] != duplicate.facts[full]:
        return {path: duplicate.facts.get(path) for path in _NAMES} if full in won else {}
    return {
        path: duplicate.facts[path]
        for path in _NAMES
        if _winner(path, survivor, duplicate, rules, chosen) == "duplicate"
    }


def _better(ours: Facts, theirs: Facts) -> dict[Path, Any]:
    """Return the better verdict, the higher score and the later activity, where they are the duplicate's."""
    better: dict[Path, Any] = {}
    verdict: Path = ("verdict",)
    if _BEST_FIRST.index(theirs[verdict][0]) < _BEST_FIRST.index(ours[verdict][0]):
        better[verdict] = theirs[verdict]
    measures: tuple[tuple[Path, Callable[[Any], Any]], ...] = (
        (("score",), int),
        (("last_activity_at",), datetime.fromisoformat),
    )
    for path, measure in measures:
        if path in theirs and (path not in ours or measure(theirs[path]) > measure(ours[path])):
            better[path] = theirs[path]
    return better


def with_raw(won: Mapping[Path, Any], ours: Facts, theirs: Facts) -> dict[Path, Any]:
    """Return the facts that were won, and with each what it was made of."""
    raw: dict[Path, Any] = {}
    for path in {*(path for path in (*ours, *theirs) if path[0] == "raw"), *(("raw", name) for (name, *_) in won)}:
        field: Path = (path[1],)
        if field in won or (field not in ours and path not in ours):
            raw[path] = theirs.get(path)
    return {**won, **{path: value for path, value in raw.items() if value != ours.get(path)}}
