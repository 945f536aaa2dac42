"""The ledger of a lead: what is in it, and what facts and rules would have in it (PURE)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from service.nurture.scoring.decay import Entry
from service.nurture.scoring.matching import Scoring

Because = Literal["no_longer_true", "rule_changed", "outnumbered", "activity_gone", "faded"]
"""Why an entry was ended: the lead does not meet the rule any more; the rule was changed, or is gone; it counts others instead; the activity
is not the lead's any more; nothing was left of it.
"""


class Live(NamedTuple):
    """An entry that is in a ledger and has not been ended."""

    id: UUID
    entry: Entry


@dataclass(frozen=True, slots=True)
class Ended:
    """An entry that is to be ended."""

    live: Live
    at: datetime
    because: Because


@dataclass(slots=True)
class Outcome:
    """What becomes of a ledger: the entries that stay, those that are new, and those that end."""

    kept: list[Live] = field(default_factory=list)
    added: list[Entry] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        """Return all entries that are live now."""
        return [*(one.entry for one in self.kept), *self.added]


def reconcile(
    live: Sequence[Live],
    wanted: Sequence[Entry],
    *,
    scoring: Scoring,
    activities: Collection[UUID] | None,
    at: datetime,
) -> Outcome:
    """Return what makes a ledger what facts and rules want of it; ``activities`` are those there are, None if there are more.

    An entry that another version of the rules would write again just so stays as it is.
    """
    outcome = aged(live, at)
    known = {one.entry.identity: one for one in outcome.kept}
    right = {entry.identity: entry for entry in wanted}
    outcome.added = [entry for identity, entry in right.items() if identity not in known]
    outcome.kept = [one for identity, one in known.items() if identity in right]
    outcome.ended += [
        Ended(one, at, _why(one.entry, scoring, activities)) for identity, one in known.items() if identity not in right
    ]
    return outcome


def aged(live: Iterable[Live], at: datetime) -> Outcome:
    """Return what becomes of a ledger by time alone."""
    outcome = Outcome()
    for one in live:
        gone = one.entry.fades_at
        if gone is not None and gone <= at:
            outcome.ended.append(Ended(one, gone, "faded"))
        else:
            outcome.kept.append(one)
    return outcome


def _why(entry: Entry, scoring: Scoring, activities: Collection[UUID] | None) -> Because:
    if not scoring.still_has(entry):
        return "rule_changed"
    if entry.activity_id is None:
        return "no_longer_true"
    return "outnumbered" if activities is None or entry.activity_id in activities else "activity_gone"


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Return a stored row as an entry."""
    return Entry(**{name: row[name] for name in Entry._fields})
