"""Velocity (PURE): how long it takes to come to a stage, how long leads stay in one, and what the pipeline yields a day.

Open journeys are censored, never dropped. Churn competes with what comes next: the chance of having come to a stage by an age is the
cumulative incidence, never one minus a survival curve that takes the churned for still on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.stats.estimators.survival import CENSORED, Curve, Floats, aalen_johansen, kaplan_meier
from service.stats.funnel import RUNGS, STAGES, rate
from service.stats.question import Addresses, Key, Question
from service.stats.returns import amount_out
from service.stats.wilson import ENOUGH

OPEN: Final = CENSORED
THERE: Final = 1
OTHER: Final = 2
"""How a span ended: not yet, with what was waited for, or with something else."""

_QUANTILES: Final = (("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9))
_POINTS: Final = 200


class Durations(NamedTuple):
    """Spans in days, and how each ended."""

    days: Floats
    causes: NDArray[np.int64]

    def count(self, cause: int) -> int:
        """Return how many ended so."""
        return int(np.count_nonzero(self.causes == cause))


NONE: Final = Durations(np.empty(0), np.empty(0, dtype=np.int64))


class Pipeline(NamedTuple):
    """The journeys of one currency: opportunities that are open, wins, all that were won or churned, and sums over the wins."""

    currency: str | None
    open: int
    won: int
    decided: int
    amount: Decimal | None
    days: Decimal | None


def time_to(spans: Durations, addresses: Addresses, stage: str, *, curve: bool) -> dict[str, Any]:
    """Return how long it takes from the start of a journey to a stage, churn competing."""
    coming = aalen_johansen(spans.days, spans.causes, THERE)
    counts = {"there": spans.count(THERE), "other": spans.count(OTHER), "open": spans.count(OPEN)}
    return {
        "journeys": len(spans.days),
        "reached": counts["there"],
        "churned": counts["other"],
        "open": counts["open"],
        **_described(coming, spans, shown=curve),
        "links": {part: addresses.at(stage, f"to.{part}") for part, count in counts.items() if count},
    }


def time_in(spans: Durations, addresses: Addresses, stage: str, *, curve: bool) -> dict[str, Any]:
    """Return how long leads stay in a stage, whatever comes after it."""
    staying = kaplan_meier(spans.days, spans.causes == THERE)
    counts = {"left": spans.count(THERE), "open": spans.count(OPEN)}
    return {
        "stays": len(spans.days),
        "left": counts["left"],
        "open": counts["open"],
        **_described(staying, spans, shown=curve),
        "links": {part: addresses.at(stage, f"in.{part}") for part, count in counts.items() if count},
    }


def _described(curve: Curve, spans: Durations, *, shown: bool) -> dict[str, Any]:
    return {
        "days": {name: curve.reaches(share) for name, share in _QUANTILES},
        "open_share": spans.count(OPEN) / len(spans.days) if len(spans.days) else None,
        "insufficient_data": spans.count(THERE) < ENOUGH,
        "curve": _points(curve) if shown else None,
    }


def _points(curve: Curve) -> list[dict[str, Any]]:
    """Return a curve's steps, at most two hundred of them evenly spread, the last among them."""
    steps = len(curve.times)
    chosen = np.unique(np.linspace(0, steps - 1, min(steps, _POINTS)).astype(np.int64)).tolist() if steps else []
    return [
        {
            "days": float(curve.times[step]),
            "share": float(curve.values[step]),
            "low": _or_none(curve.low[step]),
            "high": _or_none(curve.high[step]),
            "at_risk": int(curve.at_risk[step]),
        }
        for step in chosen
    ]


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def pipeline(one: Pipeline) -> dict[str, Any]:
    """Return what the open opportunities of one currency yield a day: open x decided win rate x mean amount won / mean days to win."""
    won = rate(one.won, one.decided)
    amount = one.amount / one.won if one.amount is not None and one.won else None
    days = float(one.days) / one.won if one.days is not None and one.won else None
    known = amount is not None and days and won["rate"] is not None
    return {
        "currency": one.currency,
        "open_opportunities": one.open,
        "win_rate": won,
        "mean_amount": amount_out(amount),
        "mean_days_to_win": days,
        "per_day": amount_out(one.open * Decimal(won["rate"]) * amount / Decimal(days))
        if known and amount and days
        else None,
    }


def velocity_group(
    question: Question,
    key: Key,
    to: Mapping[str, Durations],
    within: Mapping[str, Durations],
    pipelines: list[Pipeline],
    *,
    curve: bool,
) -> dict[str, Any]:
    """Return one group of a velocity, in the form of `VelocityGroupOut`."""
    addresses = Addresses.of(question, key, behind="velocity").between(question.start, question.end)
    first = to.get(RUNGS[-1], NONE)
    return {
        "key": question.key_of(key),
        "journeys": len(first.days),
        "time_to": {stage: time_to(to.get(stage, NONE), addresses, stage, curve=curve) for stage in RUNGS[1:]},
        "time_in": {stage: time_in(within.get(stage, NONE), addresses, stage, curve=curve) for stage in STAGES},
        "pipeline": [pipeline(one) for one in sorted(pipelines, key=lambda one: (one.currency is None, one.currency))],
    }
