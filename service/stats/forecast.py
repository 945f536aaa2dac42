"""The forecast (PURE): what the open journeys may come to, and how good such forecasts have been.

The chances come from journeys that once stood where an open one stands now (`service.stats.learning`). What becomes of a stage in the end
comes from the absorbing chain of the moves between stages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, sqrt
from typing import Any, Final, NamedTuple

import numpy as np

from service.stats.estimators.chain import absorb
from service.stats.estimators.judging import brier_score, calibration
from service.stats.estimators.survival import Floats, Integers
from service.stats.learning import AGES, OPEN_RUNGS, Chance, Lives, Model, Place, learn, places, standing
from service.stats.wilson import ENOUGH, Z95

_MOSTLY: Final = 0.8
"""Less than this share of the open journeys with a chance that enough were followed for is too little."""


def predicted(model: Model, stage: Integers, age: Integers, horizon: float) -> Floats:
    """Return the chance of each journey that stands somewhere; nan where none can be told."""
    chances = np.full((len(OPEN_RUNGS) + 1, len(AGES) + 1), np.nan)
    for number in range(len(OPEN_RUNGS)):
        for klass in range(len(AGES)):
            chance = model.at((number, klass), horizon)
            if chance is not None:
                chances[number, klass] = chance.share
    # The last row and column are those of nowhere.
    return chances[stage, age]


class Worth(NamedTuple):
    """The open journeys of a place: how many there are, of how many no amount was told, and by currency the sums of amounts and squares."""

    journeys: int
    untold: int
    amounts: dict[str, tuple[float, float]]


def open_ones(lives: Lives, now: float) -> dict[Place, Worth]:
    """Return the open journeys by where they stand."""
    stage, age = standing(lives, now)
    which = np.flatnonzero(stage >= 0)
    place = stage[which] * len(AGES) + places(stage[which], age[which])
    amount = lives.amount[which]
    told = ~np.isnan(amount)
    most = len(OPEN_RUNGS) * len(AGES)
    counts, untold = (np.bincount(some, minlength=most) for some in (place, place[~told]))
    names, code = np.unique(lives.currency[which[told]], return_inverse=True)
    key = place[told] * len(names) + code
    sums = [np.bincount(key, amount[told] ** power, minlength=most * len(names)) for power in (1, 2)]
    present = np.bincount(key, minlength=most * len(names)) > 0
    amounts: dict[int, dict[str, tuple[float, float]]] = {}
    for found in np.flatnonzero(present).tolist():
        here, currency = divmod(found, len(names))
        amounts.setdefault(here, {})[str(names[currency])] = (float(sums[0][found]), float(sums[1][found]))
    return {
        divmod(here, len(AGES)): Worth(int(counts[here]), int(untold[here]), amounts.get(here, {}))
        for here in np.flatnonzero(counts).tolist()
    }


def usual_amounts(lives: Lives) -> dict[str, float]:
    """Return what a win brings in each currency in the mean of all wins whose amount was told: together they are one win's."""
    told = ~np.isnan(lives.won) & ~np.isnan(lives.amount)
    names, code = np.unique(lives.currency[told], return_inverse=True)
    sums = np.bincount(code, lives.amount[told], minlength=len(names))
    return {str(name): float(amount) / len(code) for name, amount in zip(names, sums, strict=True)}


def expected(
    model: Model, opened: Mapping[Place, Worth], horizon: float, usual: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Return the wins and the revenue to be expected of the open journeys within a horizon, with 95 % intervals.

    The variance is that of the journeys themselves (each wins or does not) and that of the chances they are given. Where nobody was ever followed
    as far there is no chance to be told: what may come of those journeys is not in the figures, and they are counted by themselves. ``usual`` is
    what a win brings (`usual_amounts`), for those whose amount nobody has told.
    """
    wins = variance = 0.0
    revenue: dict[str, list[float]] = {}
    untold = 0.0
    seen = sure = 0
    for place, worth in sorted(opened.items()):
        chance = model.at(place, horizon)
        if chance is None:
            continue
        seen += worth.journeys
        sure += worth.journeys if chance.is_sure else 0
        wins += worth.journeys * chance.share
        variance += worth.journeys * chance.share * (1 - chance.share) + worth.journeys**2 * chance.variance
        untold += worth.untold * chance.share
        for currency, (amounts, squares) in worth.amounts.items():
            sums = revenue.setdefault(currency, [0.0, 0.0])
            sums[0] += chance.share * amounts
            sums[1] += chance.share * (1 - chance.share) * squares + amounts**2 * chance.variance
    number = sum(worth.journeys for worth in opened.values())
    return {
        "days": horizon,
        "wins": _interval(wins, variance, most=seen) if seen or not number else None,
        "revenue": {currency: _interval(*sums) for currency, sums in sorted(revenue.items())},
        "wins_without_amount": untold,
        "their_usual_revenue": {currency: untold * amount for currency, amount in (usual or {}).items()},
        "open_without_chance": number - seen,
        "insufficient_data": sure < _MOSTLY * number,
    }


def _interval(mean: float, variance: float, *, most: float = inf) -> dict[str, float]:
    reach = Z95 * sqrt(variance)
    return {"expected": mean, "low": max(0.0, mean - reach), "high": min(mean + reach, most)}


def chance_table(model: Model, opened: Mapping[Place, Worth], horizons: Sequence[float]) -> list[dict[str, Any]]:
    """Return the chances of every place where open journeys stand, and how many do."""
    table = []
    for number, name in enumerate(OPEN_RUNGS):
        for klass, first in enumerate(AGES):
            count = opened[number, klass].journeys if (number, klass) in opened else 0
            if not count:
                continue
            chances = {horizon: model.at((number, klass), horizon) for horizon in horizons}
            table.append(
                {
                    "stage": name,
                    "from_days": first,
                    "to_days": AGES[klass + 1] if klass + 1 < len(AGES) else None,
                    "open": count,
                    "learnt_from": max(chance.learnt_from if chance else 0 for chance in chances.values()),
                    "insufficient_data": any(chance is None or not chance.is_sure for chance in chances.values()),
                    "days_to_win": next((chance.days for chance in reversed(chances.values()) if chance), None),
                    "chances": [_told(horizon, chance) for horizon, chance in chances.items()],
                }
            )
    return table


def _told(horizon: float, chance: Chance | None) -> dict[str, Any]:
    return {
        "days": horizon,
        "share": chance.share if chance else None,
        "low": chance.low if chance else None,
        "high": chance.high if chance else None,
        "followed": chance.followed if chance else 0,
        "insufficient_data": chance is None or not chance.is_sure,
    }


def backtest(lives: Lives, now: float, horizon: float) -> dict[str, Any]:
    """Return how good the forecast would have been a horizon ago, made of what could be known then, for the journeys it had a chance for.

    ``baseline`` is the Brier score of giving each open journey the share that was won in the end; ``skill`` how much of it was saved.
    """
    then = now - horizon
    model = learn(lives, then, [horizon])
    stage, age = standing(lives, then)
    here = np.flatnonzero(stage >= 0)
    chances = predicted(model, stage[here], places(stage[here], age[here]), horizon)
    told = ~np.isnan(chances)
    here, chances = here[told], chances[told]
    won = lives.won[here]
    happened = ((won > then) & (won <= now)).astype(np.float64)
    score = brier_score(happened, chances)
    base = brier_score(happened, np.full_like(happened, happened.mean())) if happened.size else None
    return {
        "days": horizon,
        "journeys": len(chances),
        "expected_wins": float(chances.sum()),
        "wins": int(happened.sum()),
        "brier": score,
        "baseline": base,
        "skill": 1 - score / base if score is not None and base else None,
        "insufficient_data": int(happened.sum()) < ENOUGH,
        "calibration": [
            {
                "low": one.low,
                "high": one.high,
                "journeys": one.count,
                "predicted": one.predicted,
                "came_true": one.came_true,
            }
            for one in calibration(happened, chances)
        ],
    }


def in_the_end(moves: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """Return for each open stage the chance of being won in the end and the expected number of moves until won or churned.

    From the absorbing chain of all moves between stages (reactivated counts as acquired, and so does whatever comes back to it); null for
    a stage that nothing ever left, or from which no end can be reached.
    """
    index = {name: number for number, name in enumerate(OPEN_RUNGS)}
    counts, ends = np.zeros((len(index), len(index))), np.zeros((len(index), 2))
    for (source, target), count in moves.items():
        here = index.get("acquired" if source == "reactivated" else source)
        if here is None:
            continue
        if target in index:
            counts[here, index[target]] += count
        elif target in ("won", "churned"):
            ends[here, 0 if target == "won" else 1] += count
    leaving = counts.sum(axis=1) + ends.sum(axis=1)
    known = leaving > 0
    try:
        kept = np.flatnonzero(known)
        among = counts[np.ix_(kept, kept)] / leaving[kept, None]
        lost = counts[np.ix_(kept, np.flatnonzero(~known))].sum(axis=1, keepdims=True) / leaving[kept, None]
        found = absorb(among, np.hstack([ends[kept] / leaving[kept, None], lost]))
    except ValueError:
        kept, found = np.empty(0, dtype=np.int64), None
    place = {int(number): row for row, number in enumerate(kept)}
    return [
        {
            "stage": name,
            "won": float(found.ends[place[number], 0]) if found and number in place else None,
            "moves": float(found.steps[place[number]]) if found and number in place else None,
            "observed": int(leaving[number]),
        }
        for name, number in index.items()
    ]
