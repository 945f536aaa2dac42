"""Scoring as a reaction: whatever a rule can ask for changed, so the ledger is made what it should be, and the score with it.

Everything is worked out anew from the facts, and what differs from the ledger is written: so it does not matter in which order news arrive,
nor how often a lead is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from service.core.ids import new_id
from service.leads import book
from service.nurture.rounds import Change, Reaction, Round
from service.nurture.rules import Rules
from service.nurture.scoring import store
from service.nurture.scoring.decay import Entry, bounded, next_change
from service.nurture.scoring.ledger import Outcome, aged, reconcile
from service.nurture.scoring.matching import Scoring, seen
from service.nurture.scoring.rules import SCORING

_FIELDS: Final = frozenset(
    {
        "activities",
        "attributes",
        "campaign",
        "channel",
        "company_size",
        "country",
        "industry",
        "job_title",
        "owner",
        "region",
        "stage",
        "tags",
        "verdict",
    }
)
_TYPES: Final = frozenset({"lead.created", "lead.merged", "lead.unmerged", "lead.assigned"})
_DECAY: Final = "decay"
_PATIENCE: Final = timedelta(days=1)
"""So long the column may say more than is left, unless a threshold is crossed: a score that decays is not told by the hour."""
_MOST_TOLD: Final = 50


def scoring_of(rules: Rules) -> Scoring:
    """Return the rules that hold, made ready; those of the last time if they are still the same."""
    held, version = rules.of(SCORING), rules.version(SCORING)
    if not _READY or _READY[0].rules is not held or _READY[0].version != version:
        _READY[:] = [Scoring(held, version)]
    return _READY[0]


_READY: Final[list[Scoring]] = []


async def react(this: Round) -> None:
    """Bring the ledgers and the scores of all leads concerned up to date."""
    concerned = list(this.concerned(REACTION))
    if not concerned:
        return
    scoring = scoring_of(this.rules)
    live = await store.read_live(this.connection, [entry.id for entry, _ in concerned])
    news = {entry.id for entry, change in concerned if _is_news(change)}
    activities = await store.read_activities(this.connection, news, scoring, at=this.now)
    added: list[dict[str, Any]] = []
    ended: list[dict[str, Any]] = []
    for entry, _ in concerned:
        known = live.get(entry.id, [])
        if entry.id in news:
            did = activities.get(entry.id, [])
            wanted = scoring.fit(seen(entry.row), this.now) + scoring.engagement(did, this.now)
            all_there_are = {activity.id for activity in did} if len(did) < store.MOST_ACTIVITIES else None
            outcome = reconcile(known, wanted, scoring=scoring, activities=all_there_are, at=this.now)
        else:
            outcome = aged(known, this.now)
        added += _rows(entry, outcome, this)
        ended += [
            {"lead_id": entry.id, "id": one.live.id, "at": one.at, "because": one.because} for one in outcome.ended
        ]
        _settle(this, entry, outcome, scoring)
    await store.write(this.connection, added=added, ended=ended)


def _is_news(change: Change) -> bool:
    """Say whether anything but time may have changed the ledger."""
    return REACTION.name in change.swept or any(REACTION.hears(event) for event in change.events)


def _rows(entry: book.Entry, outcome: Outcome, this: Round) -> Iterator[dict[str, Any]]:
    for one in outcome.added:
        yield {**one._asdict(), "lead_id": entry.id, "id": new_id(), "recorded_at": this.now}


def _settle(this: Round, entry: book.Entry, outcome: Outcome, scoring: Scoring) -> None:
    """Let the lead show its score, tell if that is another one, and be woken when it decays."""
    entries, rules = outcome.entries, scoring.rules
    worth = [one.worth(this.now) for one in entries]
    score = bounded(sum(worth), rules.floor, rules.ceiling)
    previous = entry.row["score"]
    if score != previous:
        entry.row["score"] = score
        data = {"score": score, "previous_score": previous, "why": _why(outcome, this, change=score - previous)}
        this.book.announce(entry, "lead.score_changed", data, at=this.now)
    if any(one.half_life_days is not None for one in _touched(outcome)):
        at = next_change(
            entries,
            worth,
            this.now,
            low=rules.floor,
            high=rules.ceiling,
            thresholds=scoring.thresholds,
            patience=_PATIENCE,
        )
        this.wake(entry.id, REACTION.name, _DECAY, at)


def _touched(outcome: Outcome) -> list[Entry]:
    return [*outcome.entries, *(one.live.entry for one in outcome.ended)]


def _why(outcome: Outcome, this: Round, *, change: int) -> list[dict[str, Any]]:
    """Return the entries that came and went, and last without a rule all else: decay, and the bounds. They add up to the change."""
    told = [_part(one, left=one.worth(this.now), before=0) for one in outcome.added]
    told += [_part(one.live.entry, left=0, before=one.live.entry.worth(this.now)) for one in outcome.ended]
    told = [one for one in told if one["points"] != one["previous_points"]]
    told.sort(key=lambda one: -abs(one["points"] - one["previous_points"]))
    told = told[:_MOST_TOLD]
    rest = change - sum(one["points"] - one["previous_points"] for one in told)
    return [*told, _part(None, left=max(rest, 0), before=max(-rest, 0))] if rest else told


def _part(entry: Entry | None, *, left: int, before: int) -> dict[str, Any]:
    return {
        "rule": entry.rule if entry else None,
        "points": left,
        "previous_points": before,
        "version": entry.version if entry else None,
        "activity_id": entry.activity_id if entry else None,
    }


REACTION: Final = Reaction(
    name="scoring",
    rule_sets=(SCORING,),
    types=_TYPES,
    fields=_FIELDS,
    # Rules that were taken away leave points behind that are to be taken away, too.
    applies=lambda rules: rules.version(SCORING) > 0,
    react=react,
)
