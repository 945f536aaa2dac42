"""Counting what becomes of scores when rules change (PURE), a piece of the leads at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from heapq import nlargest
from typing import Any, Final
from uuid import UUID

from service.nurture.scoring.decay import Entry
from service.nurture.scoring.rules import ScoringRules
from service.stats.question import SCORE_BANDS

Scored = Sequence[tuple[int, list[Entry]]]

_MOVERS: Final = 20


class Tally:
    """Scores before and after, counted; ``rules`` are those tried."""

    def __init__(self, rules: ScoringRules, thresholds: Sequence[int]) -> None:
        self._rules = rules
        self._thresholds = thresholds
        self._pairs: Counter[tuple[int, int]] = Counter()
        self._movers: list[tuple[int, UUID, int, int]] = []
        self._fired: dict[str, Counter[str]] = {rule.key: Counter() for rule in rules.fit}
        self._fired |= {rule.key: Counter() for rule in rules.engagement}

    @property
    def leads(self) -> int:
        """Return how many leads were counted."""
        return self._pairs.total()

    def count(self, ids: Sequence[UUID], before: Scored, after: Scored, *, at: datetime) -> None:
        """Count leads, with their scores and entries before and after."""
        moved = []
        for lead_id, (old, _), (new, entries) in zip(ids, before, after, strict=True):
            self._pairs[old, new] += 1
            if old != new:
                moved.append((abs(new - old), lead_id, old, new))
            for rule, times in Counter(entry.rule for entry in entries).items():
                self._fired[rule].update(leads=1, entries=times)
            for entry in entries:
                self._fired[entry.rule]["now"] += entry.worth(at)
        self._movers = nlargest(_MOVERS, [*self._movers, *moved])

    def out(self) -> dict[str, Any]:
        """Return all figures, by `ChangesOut` but for the sample."""
        pairs = self._pairs
        return {
            "changed": sum(times for (old, new), times in pairs.items() if old != new),
            "raised": sum(times for (old, new), times in pairs.items() if old < new),
            "lowered": sum(times for (old, new), times in pairs.items() if old > new),
            "mean_before": self._mean(0),
            "mean_after": self._mean(1),
            "bands": self._bands(),
            "thresholds": [self._threshold(score) for score in self._thresholds],
            "movers": [{"lead_id": lead_id, "before": old, "after": new} for _, lead_id, old, new in self._movers],
            "rules": [
                *(self._rule(rule.key, "fit", rule.points) for rule in self._rules.fit),
                *(self._rule(rule.key, "engagement", rule.points) for rule in self._rules.engagement),
            ],
        }

    def _mean(self, side: int) -> float | None:
        total = sum(pair[side] * times for pair, times in self._pairs.items())
        return total / self.leads if self.leads else None

    def _bands(self) -> list[dict[str, Any]]:
        counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        for pair, times in self._pairs.items():
            for count, score in zip(counts, pair, strict=True):
                count[_band(score)] += times
        before, after = counts
        return [{"band": name, "before": before[name], "after": after[name]} for _, name in SCORE_BANDS]

    def _threshold(self, score: int) -> dict[str, int]:
        def leads(wanted: tuple[bool, bool]) -> int:
            return sum(times for (old, new), times in self._pairs.items() if (old >= score, new >= score) == wanted)

        stay, up, down = leads((True, True)), leads((False, True)), leads((True, False))
        return {"score": score, "before": stay + down, "after": stay + up, "up": up, "down": down}

    def _rule(self, key: str, kind: str, points: int) -> dict[str, Any]:
        fired = self._fired[key]
        counts = {name: fired[name] for name in ("leads", "entries", "now")}
        return {"key": key, "kind": kind, "points": points, **counts}


def _band(score: int) -> str:
    return next(name for bound, name in SCORE_BANDS if bound is None or score < bound)
