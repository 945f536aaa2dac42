"""Velocity (PURE): how long it takes to come to a stage, how long leads stay in one, and what the pipeline yields a day.

Open journeys are censored, never dropped. Churn competes with what comes next: the chance of having come to a stage by an age is the
cumulative incidence, never one minus a survival curve that takes the churned for still on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from service.stats.definitions import REACHED
from service.stats.estimators.survival import CENSORED, Curve, Spans, coming, staying
from service.stats.funnel import LAST, RUNGS, STAGES, rate
from service.stats.question import Addresses, Key, Question
from service.stats.returns import amount_out
from service.stats.side_by_side import side_by_side
from service.stats.wilson import ENOUGH

OPEN: Final = CENSORED
THERE: Final = 1
OTHER: Final = 2
"""How a span ended: not yet, with what was waited for, or with something else."""

_QUANTILES: Final = (("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9))
_POINTS: Final = 200
_ONE_AND_UNTOLD: Final = 2
"""So many lines are there, if there is one currency and journeys without an amount."""


Found = Callable[[], Spans]
"""Finds spans. To sort a million of them takes a while, so that is done beside other work."""


class Pipeline(NamedTuple):
    """The journeys of one currency: opportunities that are open, wins, all that were won or churned, and sums over the wins."""

    currency: str | None
    open: int
    won: int
    decided: int
    amount: Decimal | None
    days: Decimal | None

    def plus(self, other: Pipeline) -> Pipeline:
        """Return both together."""
        counts = (self.open + other.open, self.won + other.won, self.decided + other.decided)
        return Pipeline(self.currency, *counts, _sum(self.amount, other.amount), _sum(self.days, other.days))


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other


def time_to(spans: Spans, addresses: Addresses, stage: str, *, curve: bool) -> dict[str, Any]:
    """Return how long it takes from the start of a journey to a stage, churn competing."""
    come = coming(spans, THERE, every=curve)
    counts = {"there": spans.ended_by(THERE), "other": spans.ended_by(OTHER), "open": spans.ended_by(OPEN)}
    return {
        "journeys": len(spans),
        "reached": counts["there"],
        "churned": counts["other"],
        "open": counts["open"],
        **_described(come, spans, shown=curve),
        "links": {part: addresses.at(stage, f"to.{part}") for part, count in counts.items() if count},
    }


def time_in(spans: Spans, addresses: Addresses, stage: str, *, curve: bool) -> dict[str, Any]:
    """Return how long leads stay in a stage, whatever comes after it."""
    stay = staying(spans, every=curve)
    counts = {"left": spans.ended_by(THERE), "open": spans.ended_by(OPEN)}
    return {
        "stays": len(spans),
        "left": counts["left"],
        "open": counts["open"],
        **_described(stay, spans, shown=curve),
        "links": {part: addresses.at(stage, f"in.{part}") for part, count in counts.items() if count},
    }


def _described(curve: Curve, spans: Spans, *, shown: bool) -> dict[str, Any]:
    return {
        "days": {name: curve.reaches(share) for name, share in _QUANTILES},
        "open_share": spans.ended_by(OPEN) / len(spans) if len(spans) else None,
        "insufficient_data": spans.ended_by(THERE) < ENOUGH,
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


def pipeline_lines(found: Sequence[Pipeline]) -> list[dict[str, Any]]:
    """Return what the open opportunities of each currency yield a day, in the form of `PipelineOut`.

    The win rate is that of all journeys together: what is lost seldom has an amount, so that of those of one currency nearly all were won. For
    the same reason opportunities without an amount are taken for ones of the only currency there is, if there is only one.
    """
    whole = rate(sum(one.won for one in found), sum(one.decided for one in found))
    lines = sorted(found, key=lambda one: (one.currency is None, one.currency))
    if len(lines) == _ONE_AND_UNTOLD and lines[-1].currency is None:
        only, untold = lines
        lines = [only._replace(open=only.open + untold.open)]
    return [_pipeline(one, whole) for one in lines]


def _pipeline(one: Pipeline, won: dict[str, Any]) -> dict[str, Any]:
    """Return the line of one currency: open x decided win rate x mean amount won / mean days to win."""
    amount = one.amount / one.won if one.amount is not None and one.won else None
    days = float(one.days) / one.won if one.days is not None and one.won else None
    known = amount is not None and days and won["rate"] is not None
    return {
        "currency": one.currency,
        "open_opportunities": one.open,
        "win_rate": won,
        "mean_amount": amount_out(amount, one.currency),
        "mean_days_to_win": days,
        "per_day": amount_out(one.open * Decimal(won["rate"]) * amount / Decimal(days), one.currency)
        if known and amount and days
        else None,
    }


def velocity_group(
    question: Question,
    key: Key,
    to: Mapping[str, Found],
    within: Mapping[str, Found],
    pipelines: list[Pipeline],
    *,
    curve: bool,
) -> dict[str, Any]:
    """Return one group of a velocity, in the form of `VelocityGroupOut`."""
    addresses = Addresses.of(question, key, behind="velocity").between(question.start, question.end)
    jobs = [partial(_one, time_to, to.get(stage, _none), addresses, stage, curve) for stage in RUNGS[1:]]
    jobs += [partial(_one, time_in, within.get(stage, _none), addresses, stage, curve) for stage in STAGES]
    told = side_by_side(jobs)
    coming_to = dict(zip(RUNGS[1:], told, strict=False))
    return {
        "key": question.key_of(key),
        "journeys": coming_to[LAST]["journeys"],
        "leads": Addresses.of(question, key, behind="funnel")
        .between(question.start, question.end)
        .at(RUNGS[0], REACHED),
        "time_to": coming_to,
        "time_in": dict(zip(STAGES, told[len(coming_to) :], strict=True)),
        "pipeline": pipeline_lines(pipelines),
    }


def _one(
    tell: Callable[..., dict[str, Any]],
    find: Found,
    addresses: Addresses,
    stage: str,
    curve: bool,  # noqa: FBT001  only ever called from above
) -> dict[str, Any]:
    return tell(find(), addresses, stage, curve=curve)


def _none() -> Spans:
    nothing = np.empty(0, dtype=np.int64)
    return Spans((nothing, nothing, nothing))
