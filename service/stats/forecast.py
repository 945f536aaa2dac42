"""The forecast (PURE): what the open journeys may come to, and how good such forecasts have been.

The chance of a win within a horizon is read off journeys that once stood where an open one stands now: in the same stage, for about as
long. Of those, the cumulative incidence of a win (Aalen and Johansen, churn competing, the open ones censored) is taken at the horizon.
What becomes of a stage in the end comes from the absorbing chain of the moves between stages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.stats.estimators.chain import absorb
from service.stats.estimators.judging import brier_score, calibration
from service.stats.estimators.survival import Floats, aalen_johansen
from service.stats.funnel import RUNGS
from service.stats.wilson import ENOUGH, Z95

OPEN_RUNGS: Final = RUNGS[:-1]
"""The stages an open journey can stand in: as far as it has come."""

AGES: Final = (0.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0)
"""Where the age classes begin, in days since the stage was entered; the last one has no end."""

_TRAINED_ON: Final = 100_000


class Lives(NamedTuple):
    """Journeys as columns; times in days since one origin, nan for what has not happened.

    ``entered`` (n, 4): when each of `OPEN_RUNGS` was first entered; ``won`` and ``churned`` (n,); ``amount`` (n,) nan where none was told,
    ``currency`` (n,) as text.
    """

    entered: Floats
    won: Floats
    churned: Floats
    amount: Floats
    currency: NDArray[np.str_]

    def chosen(self, which: NDArray[Any]) -> Lives:
        """Return some of the journeys."""
        return Lives(*(column[which] for column in self))


class Chance(NamedTuple):
    """The chance of a win within a horizon, its variance, and of how many journeys it was learnt."""

    share: float
    variance: float
    learnt_from: int


Place = tuple[int, int]
"""A stage and an age class, by their numbers."""


@dataclass(frozen=True, slots=True)
class Model:
    """Chances by place and horizon (in days)."""

    chances: Mapping[tuple[Place, float], Chance]

    def at(self, place: Place, horizon: float) -> Chance:
        """Return the chance at a place; where too few were seen, that of the next younger age class of the stage."""
        stage, age = place
        while True:
            found = self.chances.get(((stage, age), horizon))
            if found and (found.learnt_from >= ENOUGH or age == 0):
                return found
            if age == 0:
                return Chance(0.0, 0.0, 0)
            age -= 1


def standing(lives: Lives, at: float) -> tuple[NDArray[np.int64], Floats]:
    """Return in which of `OPEN_RUNGS` each journey stands at a time, and for how many days; -1 for one not begun, won or churned."""
    happened = lives.entered <= at
    stage = np.where(happened.any(axis=1), happened.shape[1] - 1 - np.argmax(happened[:, ::-1], axis=1), -1)
    stage = np.where((lives.won <= at) | (lives.churned <= at), -1, stage)
    since = np.take_along_axis(lives.entered, np.maximum(stage, 0)[:, None], axis=1)[:, 0]
    return stage.astype(np.int64), np.where(stage >= 0, at - since, np.nan)


def learn(lives: Lives, until: float, horizons: Sequence[float]) -> Model:
    """Return the chances as they could be known at a time: nothing after it is looked at."""
    begun = lives.chosen(lives.entered[:, 0] <= until)
    if len(begun.won) > _TRAINED_ON:
        order = np.argsort(begun.entered[:, 0], kind="stable")
        begun = begun.chosen(order[:: -(-len(order) // _TRAINED_ON)])
    chances: dict[tuple[Place, float], Chance] = {}
    ended = np.fmin(begun.won, begun.churned)
    for stage in range(len(OPEN_RUNGS)):
        entered = begun.entered[:, stage]
        later = begun.entered[:, stage + 1 :]
        left = np.fmin(ended, np.nanmin(np.where(np.isnan(later), np.inf, later), axis=1, initial=np.inf))
        for age, first in enumerate(AGES):
            landmark = entered + first
            still = (landmark <= until) & ~(left <= landmark)
            if not still.any():
                continue
            here = begun.chosen(still)
            start = landmark[still]
            end = np.fmin(np.fmin(here.won, here.churned), until)
            causes = np.where(here.won <= until, 1, np.where(here.churned <= until, 2, 0)).astype(np.int64)
            curve = aalen_johansen(np.maximum(end - start, 0.0), causes, 1)
            for horizon in horizons:
                step = int(np.searchsorted(curve.times, horizon, side="right")) - 1
                share, variance = (float(curve.values[step]), float(curve.variance[step])) if step >= 0 else (0.0, 0.0)
                chances[(stage, age), horizon] = Chance(share, variance, len(start))
    return Model(chances)


def places(stage: NDArray[np.int64], age: Floats) -> NDArray[np.int64]:
    """Return the number of the age class of each journey that stands somewhere, -1 for the others."""
    classes = np.searchsorted(np.array(AGES), np.nan_to_num(age), side="right") - 1
    return np.where(stage >= 0, classes, -1).astype(np.int64)


def predicted(model: Model, stage: NDArray[np.int64], age: NDArray[np.int64], horizon: float) -> Floats:
    """Return the chance of each journey that stands somewhere; 0 for the others."""
    chances = np.zeros((len(OPEN_RUNGS) + 1, len(AGES) + 1))
    for number in range(len(OPEN_RUNGS)):
        for klass in range(len(AGES)):
            chances[number, klass] = model.at((number, klass), horizon).share
    # The last row and column are those of nowhere.
    return chances[stage, age]


def expected(model: Model, lives: Lives, now: float, horizon: float) -> dict[str, Any]:
    """Return the wins and the revenue to be expected of the open journeys within a horizon, with 95 % intervals.

    The variance is that of the journeys themselves (each wins or does not) and that of the chances they are given.
    """
    stage, age = standing(lives, now)
    classes = places(stage, age)
    here = stage >= 0
    wins = variance = 0.0
    revenue: dict[str, list[float]] = {}
    untold = 0.0
    for place in sorted(set(zip(stage[here].tolist(), classes[here].tolist(), strict=True))):
        chance = model.at(place, horizon)
        alike = lives.chosen((stage == place[0]) & (classes == place[1]))
        count = len(alike.won)
        wins += count * chance.share
        variance += count * chance.share * (1 - chance.share) + count**2 * chance.variance
        told = ~np.isnan(alike.amount)
        untold += float((~told).sum()) * chance.share
        for currency in np.unique(alike.currency[told]).tolist():
            amounts = alike.amount[told & (alike.currency == currency)]
            sums = revenue.setdefault(currency, [0.0, 0.0])
            sums[0] += chance.share * amounts.sum()
            sums[1] += chance.share * (1 - chance.share) * (amounts**2).sum() + amounts.sum() ** 2 * chance.variance
    return {
        "days": horizon,
        "wins": _interval(wins, variance),
        "revenue": {currency: _interval(*sums) for currency, sums in sorted(revenue.items())},
        "wins_without_amount": untold,
    }


def _interval(mean: float, variance: float) -> dict[str, float]:
    reach = Z95 * variance**0.5
    return {"expected": float(mean), "low": float(max(0.0, mean - reach)), "high": float(mean + reach)}


def chance_table(model: Model, lives: Lives, now: float, horizons: Sequence[float]) -> list[dict[str, Any]]:
    """Return the chances of every place where open journeys stand, and how many do."""
    stage, age = standing(lives, now)
    classes = places(stage, age)
    table = []
    for number, name in enumerate(OPEN_RUNGS):
        for klass, first in enumerate(AGES):
            count = int(((stage == number) & (classes == klass)).sum())
            if not count:
                continue
            chances = [model.at((number, klass), horizon) for horizon in horizons]
            table.append(
                {
                    "stage": name,
                    "from_days": first,
                    "to_days": AGES[klass + 1] if klass + 1 < len(AGES) else None,
                    "open": count,
                    "learnt_from": chances[0].learnt_from,
                    "insufficient_data": chances[0].learnt_from < ENOUGH,
                    "chances": [
                        {"days": horizon, "share": chance.share, **_bounds(chance)}
                        for horizon, chance in zip(horizons, chances, strict=True)
                    ],
                }
            )
    return table


def _bounds(chance: Chance) -> dict[str, float]:
    reach = Z95 * chance.variance**0.5
    return {"low": max(0.0, chance.share - reach), "high": min(1.0, chance.share + reach)}


def backtest(lives: Lives, now: float, horizon: float) -> dict[str, Any]:
    """Return how good the forecast would have been a horizon ago, made of what could be known then.

    ``baseline`` is the Brier score of giving each open journey the share that was won in the end; ``skill`` how much of it was saved.
    """
    then = now - horizon
    model = learn(lives, then, [horizon])
    stage, age = standing(lives, then)
    here = stage >= 0
    chances = predicted(model, stage, places(stage, age), horizon)[here]
    happened = ((lives.won > then) & (lives.won <= now))[here].astype(np.float64)
    score = brier_score(happened, chances)
    base = brier_score(happened, np.full_like(happened, happened.mean())) if happened.size else None
    return {
        "days": horizon,
        "journeys": int(here.sum()),
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
