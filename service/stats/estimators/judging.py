"""How good predictions were, and whether a difference is more than chance (PURE)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, erfc, exp, lgamma, log, sqrt
from typing import Final

import numpy as np

from service.stats.estimators.survival import Floats
from service.stats.wilson import Z95, wilson

_EXPECTED: Final = 5
_EXACT: Final = 100
_AS_LIKELY: Final = 1 + 1e-7


def brier_score(happened: Floats, predicted: Floats) -> float | None:
    """Return the mean squared distance of predicted probabilities from what happened (0 or 1); None without predictions. Brier (1950)."""
    return float(np.mean((predicted - happened) ** 2)) if happened.size else None


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions between two probabilities: how many, their mean, and how many came true."""

    low: float
    high: float
    count: int
    predicted: float
    came_true: int


def calibration(happened: Floats, predicted: Floats, *, bins: int = 10) -> list[Bin]:
    """Return predictions by tenths of probability with how many of them came true; empty tenths are left out."""
    place = np.minimum((predicted * bins).astype(np.int64), bins - 1)
    table = []
    for number in range(bins):
        chosen = place == number
        if count := int(chosen.sum()):
            mean, true = float(predicted[chosen].mean()), int(happened[chosen].sum())
            table.append(Bin(number / bins, (number + 1) / bins, count, mean, true))
    return table


def area_under_curve(happened: Floats, scores: Floats) -> float | None:
    """Return the chance that one to whom it happened has a higher score than one to whom it did not (ROC AUC), ties counting half.

    None if it happened to all or to none. Mann and Whitney (1947).
    """
    positives = int(happened.sum())
    negatives = happened.size - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    won = float(ranks[happened > 0].sum())
    return (won - positives * (positives + 1) / 2) / (positives * negatives)


def area_bounds(area: float, positives: int, negatives: int) -> tuple[float, float] | None:
    """Return the 95 % bounds of an area under the curve; None if it happened to all or to none.

    Newcombe (2006), Statistics in Medicine 25:559, method 5: the areas that are no further from the one observed than their own standard
    error, by Hanley and McNeil's exponential model, allows. So the bounds lie in [0, 1] and say something even for an area of 0 or 1.
    """
    if not positives or not negatives:
        return None
    size = (positives + negatives) / 2 - 1

    def is_out(value: float) -> bool:
        spread = 1 + size * ((1 - value) / (2 - value) + value / (1 + value))
        return (value - area) ** 2 > Z95**2 * value * (1 - value) * spread / (positives * negatives)

    return _edge(0.0, area, is_out), _edge(1.0, area, is_out)


def _edge(out: float, within: float, is_out: Callable[[float], bool]) -> float:
    """Return where between two values the first is left, by halving."""
    for _ in range(60):
        middle = (out + within) / 2
        if is_out(middle):
            out = middle
        else:
            within = middle
    return within


@dataclass(frozen=True, slots=True)
class Tier:
    """Those of one tenth of the scores: the lowest and the highest of them, how many, and to how many of them it happened."""

    number: int
    low: float
    high: float
    mean: float
    count: int
    came_true: int


def by_tenths(happened: Floats, scores: Floats) -> list[Tier]:
    """Return the scores by tenths of their ranks, the lowest first, with to how many of each it happened.

    Equal scores are never parted, so that tenths may differ in size, and some may be empty: these are left out.
    """
    if not scores.size:
        return []
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / scores.size
    tenth = np.minimum((middle * 10).astype(np.int64), 9)[place]
    tiers = []
    for number in range(10):
        chosen = tenth == number
        if count := int(chosen.sum()):
            some = scores[chosen]
            true = int(happened[chosen].sum())
            tiers.append(Tier(number + 1, float(some.min()), float(some.max()), float(some.mean()), count, true))
    return tiers


def share_difference(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float, float] | None:
    """Return the difference of two shares (successes, trials), ``one - other``, with its 95 % bounds; None if either has no trials.

    Newcombe (1998), Statistics in Medicine 17:873, method 10: the bounds are built from Wilson's of each share.
    """
    bounds, others = wilson(*one), wilson(*other)
    if bounds is None or others is None:
        return None
    here, there = one[0] / one[1], other[0] / other[1]
    low = here - there - sqrt((here - bounds[0]) ** 2 + (others[1] - there) ** 2)
    high = here - there + sqrt((bounds[1] - here) ** 2 + (there - others[0]) ** 2)
    return here - there, low, high


def share_ratio(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float | None, float | None] | None:
    """Return the ratio of two shares (successes, trials), ``one / other``, with its 95 % bounds; None if there is nothing to divide by.

    On the log scale: Katz, Baptista, Azen and Pike (1978), Biometrics 34:469. Without a success in ``one`` there are no bounds.
    """
    if not one[1] or not other[0]:
        return None
    ratio = (one[0] / one[1]) / (other[0] / other[1])
    if not ratio:
        return ratio, None, None
    reach = Z95 * sqrt(1 / one[0] - 1 / one[1] + 1 / other[0] - 1 / other[1])
    return ratio, ratio * exp(-reach), ratio * exp(reach)


def rate_ratio(one: int, other: int) -> tuple[float, float] | None:
    """Return the 95 % bounds of the ratio of two Poisson counts of equal exposure, ``one / other``; None unless both happened.

    On the log scale, where the variance of the ratio is ``1/one + 1/other``.
    """
    if one <= 0 or other <= 0:
        return None
    centre, reach = log(one / other), Z95 * sqrt(1 / one + 1 / other)
    return exp(centre - reach), exp(centre + reach)


def two_shares(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the p-value of a difference between two shares: the pooled z-test, two-sided; 1 where nothing can differ."""
    trials = one[1] + other[1]
    if not one[1] or not other[1]:
        return 1.0
    pooled = (one[0] + other[0]) / trials
    variance = pooled * (1 - pooled) * (1 / one[1] + 1 / other[1])
    if variance <= 0:
        return 1.0
    distance = (one[0] / one[1] - other[0] / other[1]) / sqrt(variance)
    return _two_sided(distance)


def shares_differ(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the p-value of a difference between two shares (successes, trials), two-sided; 1 where nothing can differ.

    Where fewer than five are to be expected in a cell of the two-by-two table (Cochran 1954), Fisher's exact test; or else `two_shares`.
    """
    trials = one[1] + other[1]
    successes = one[0] + other[0]
    fewer, rarer = min(one[1], other[1]), min(successes, trials - successes)
    if not fewer or not rarer:
        return 1.0
    if fewer * rarer >= _EXPECTED * trials:
        return two_shares(one, other)
    ways = range(max(0, successes - other[1]), min(successes, one[1]) + 1)
    logs = [_log_choices(one[1], k) + _log_choices(other[1], successes - k) for k in ways]
    most = max(logs)
    return _as_unlikely([exp(value - most) for value in logs], one[0] - ways[0])


# A card of seventy groups asks for the same small numbers again and again.
@lru_cache(maxsize=4096)
def split_differs(one: int, other: int, share: float = 0.5) -> float:
    """Return the p-value of ``one`` of ``one + other`` trials, if each falls to it with a probability of ``share``, two-sided.

    The exact binomial test up to a hundred trials, from there on the normal approximation.
    """
    trials = one + other
    if not trials or not 0 < share < 1:
        return 1.0
    if trials > _EXACT:
        return _two_sided((one - trials * share) / sqrt(trials * share * (1 - share)))
    return _as_unlikely([comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(trials + 1)], one)


def counts_differ(one: int, other: int) -> float:
    """Return the p-value of a difference between two Poisson counts of equal exposure, two-sided; 1 where nothing happened.

    Conditional on their sum each is binomial with one half: Przyborowski and Wilenski (1940), Biometrika 31:313.
    """
    return split_differs(one, other)


def _log_choices(total: int, chosen: int) -> float:
    return lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)


def _as_unlikely(weights: Sequence[float], seen: int) -> float:
    """Return the probability of all outcomes that are no likelier than the one seen, from weights in proportion to their probabilities."""
    # Outcomes that are equally likely differ by rounding errors.
    most = weights[seen] * _AS_LIKELY
    return min(1.0, sum(weight for weight in weights if weight <= most) / sum(weights))


def sums_differ(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the p-value of a difference between two sums of independent amounts, each a sum and its sum of squares, two-sided.

    How many amounts there are is chance, too (compound Poisson), so that the variance of a sum is its sum of squares.
    """
    variance = one[1] + other[1]
    return _two_sided((one[0] - other[0]) / sqrt(variance)) if variance > 0 else 1.0


def means_differ(one: tuple[int, float, float], other: tuple[int, float, float]) -> float:
    """Return the p-value of a difference between two means, each of a count, a sum and a sum of squares, two-sided; 1 with fewer than two.

    Welch (1947), by the normal distribution.
    """
    (count, total, squares), (others, their_total, their_squares) = one, other
    if count < 2 or others < 2:
        return 1.0
    variance = _variance(count, total, squares) / count + _variance(others, their_total, their_squares) / others
    return _two_sided((total / count - their_total / others) / sqrt(variance)) if variance > 0 else 1.0


def _variance(count: int, total: float, squares: float) -> float:
    return max(0.0, squares - total * total / count) / (count - 1)


def _two_sided(distance: float) -> float:
    return erfc(abs(distance) / sqrt(2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for being many, in the order given. Holm (1979): the chance of even one false alarm is kept."""
    count = len(p_values)
    corrected, highest = [1.0] * count, 0.0
    for rank, place in enumerate(sorted(range(count), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (count - rank) * p_values[place]))
        corrected[place] = highest
    return corrected
