"""The report of a replay (PURE): what each policy would have done, by example, and what really became of these leads."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

import orjson

from service.lifecycle.stages import Stage
from service.nurture.policies.deciding import Decision
from service.nurture.policies.history import History, Kept, Replayed
from service.nurture.policies.schemas import Policies

_EXAMPLES: Final = 5
_PARKED: Final = 100
_DAY: Final = timedelta(days=1)
_OUTCOMES: Final = ("moved", "assigned", "tagged", "announced", "refused", "parked")


@dataclass(slots=True)
class _Tally:
    """What one policy would have done so far."""

    leads: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    # Of its moves: how many days earlier than they really were made, and where the leads of those that never were stood at the end.
    days_earlier: array[float] = field(default_factory=lambda: array("d"))
    otherwise: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)


class Report:
    """Adds up the replays of leads, in the order of their ids; keeps nothing of a lead but a few examples."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._tallies = {policy.key: _Tally() for policy in policies.policies}
        self._leads = 0
        self._stages = {"replayed": Counter[str](), "real": Counter[str]()}
        self._moves: Counter[Kept] = Counter()
        self._parked: list[dict[str, Any]] = []
        self._parked_count = 0
        self._digest = hashlib.sha256()

    def add(self, history: History, replayed: Replayed) -> None:
        """Add what would have become of one lead."""
        if replayed.stage is None or replayed.real_stage is None:
            return
        self._leads += 1
        self._stages["replayed"][replayed.stage] += 1
        self._stages["real"][replayed.real_stage] += 1
        self._moves.update(replayed.moves)
        for key in dict.fromkeys(decision.rule.key for decision in replayed.decisions):
            self._tallies[key].leads += 1
        for decision in replayed.decisions:
            self._add(history, decision, replayed.real_stage)

    def _add(self, history: History, decision: Decision, real_stage: str) -> None:
        tally = self._tallies[decision.rule.key]
        tally.outcomes[decision.outcome] += 1
        tally.first_at = min(tally.first_at or decision.at, decision.at)
        tally.last_at = max(tally.last_at or decision.at, decision.at)
        shown = _shown(history, decision, real_stage)
        if decision.outcome == "moved":
            if shown["really_at"] is None:
                tally.otherwise[real_stage] += 1
            else:
                tally.days_earlier.append((shown["really_at"] - decision.at) / _DAY)
        if decision.outcome == "parked":
            self._parked_count += 1
            if len(self._parked) < _PARKED:
                self._parked.append({"lead_id": history.lead_id, "reason": decision.why["parked"], "at": decision.at})
        if len(tally.examples) < _EXAMPLES:
            tally.examples.append(shown)
        self._digest.update(orjson.dumps([decision.rule.key, shown], default=str, option=orjson.OPT_SORT_KEYS))

    def out(self) -> dict[str, Any]:
        """Return the report as the API shows it; ``digest`` is the same for replays that come to the same decisions."""
        return {
            "leads": self._leads,
            "digest": self._digest.hexdigest(),
            "policies": [
                {"key": one.key, "label": one.label, "enabled": one.enabled, **_tally_out(self._tallies[one.key])}
                for one in self._policies.policies
            ],
            "stages": [
                {"stage": str(stage), **{name: counted[stage] for name, counted in self._stages.items()}}
                for stage in Stage
            ],
            "real_moves": {name: self._moves[name] for name in ("kept", "superseded", "impossible")},
            "parked": {"leads": self._parked_count, "examples": self._parked},
        }


def _tally_out(tally: _Tally) -> dict[str, Any]:
    same = len(tally.days_earlier)
    return {
        "leads": tally.leads,
        **{outcome: tally.outcomes[outcome] for outcome in _OUTCOMES},
        "first_at": tally.first_at,
        "last_at": tally.last_at,
        "really": {
            "same": same,
            "days_earlier": round(median(tally.days_earlier), 2) if same else None,
            "otherwise": sum(tally.otherwise.values()),
            "stages": {str(stage): tally.otherwise[stage] for stage in Stage if tally.otherwise[stage]},
        },
        "examples": tally.examples,
    }


def _shown(history: History, decision: Decision, real_stage: str) -> dict[str, Any]:
    """Return a decision with what really happened: when the lead made the same move, if it did so then or later."""
    step, transition = decision.step, decision.transition
    really = next(
        (
            row["occurred_at"]
            for row in history.ledger
            if step and decision.outcome == "moved" and row["event"] == step.event and row["occurred_at"] >= decision.at
        ),
        None,
    )
    return {
        "lead_id": history.lead_id,
        "at": decision.at,
        "trigger": decision.trigger,
        "why": decision.why,
        "outcome": decision.outcome,
        "actions": list(decision.actions),
        "from_stage": decision.stage,
        "to_stage": transition.to_stage if transition else None,
        "really_at": really,
        "real_stage": real_stage,
    }
