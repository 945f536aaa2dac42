"""Time until something happens, with those to whom it has not happened yet (PURE): Kaplan and Meier's estimator, and Aalen and Johansen's.

Durations are in any one unit, not negative. Whoever was watched for the whole time without the event is *censored*: at risk until then,
inclusive, as is usual (an event and a censoring at the same time: the event comes first). Ties are exact: all events of one time share
one risk set. Sums run over the distinct times once, so that a million journeys take a sort and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.stats.wilson import Z95

Floats: TypeAlias = NDArray[np.float64]

CENSORED: Final = 0
"""The cause of those that are still open."""

# Products of many fractions miss a round figure such as one half by a rounding error.
_TOLERANCE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Curve:
    """A step function of time that starts at ``(0, origin)`` and takes ``values[i]`` from ``times[i]`` on, each with its 95 % bounds.

    ``variance`` belongs to ``values``; bounds are nan where nothing can be said of them. ``at_risk`` is how many were left just before.
    """

    times: Floats
    values: Floats
    variance: Floats
    low: Floats
    high: Floats
    at_risk: Floats
    origin: float

    def at(self, time: float) -> tuple[float, float, float]:
        """Return the value at a time and its bounds; before the first step that is the origin itself."""
        step = int(np.searchsorted(self.times, time, side="right")) - 1
        if step < 0:
            return self.origin, self.origin, self.origin
        return float(self.values[step]), float(self.low[step]), float(self.high[step])

    def reaches(self, share: float) -> float | None:
        """Return the first time by which a share of all has had the event, or None if that cannot be seen (yet)."""
        had = self.values if self.origin == 0.0 else 1.0 - self.values
        there = np.flatnonzero(had >= share - _TOLERANCE)
        return float(self.times[there[0]]) if there.size else None


@dataclass(frozen=True, slots=True)
class _Table:
    """Of each distinct time at which anything ended: how many were at risk, and how many ended by each cause."""

    times: Floats
    at_risk: Floats
    events: Floats


def kaplan_meier(durations: Floats, happened: NDArray[np.bool_]) -> Curve:
    """Return the share that has not had the event yet, by time.

    Variance by Greenwood (1926), bounds on the log-minus-log scale. Kaplan and Meier (1958), JASA 53:457. ``ValueError`` for durations
    that are negative or not finite, or arrays of different lengths.
    """
    table = _table(durations, happened.astype(np.int64), 1)
    died, left = table.events[0], table.at_risk
    survival = np.cumprod(1.0 - died / left)
    spread = np.cumsum(_ratio(died, left * (left - died)))
    variance = survival**2 * spread
    low, high = _log_minus_log(survival, variance)
    return Curve(table.times, survival, variance, low, high, left, origin=1.0)


def aalen_johansen(durations: Floats, causes: NDArray[np.int64], cause: int) -> Curve:
    """Return the share that has had the event of one cause, by time, while the other causes compete with it.

    ``causes`` holds `CENSORED` or the number of what happened (1, 2, …). This is not one minus the Kaplan-Meier curve with the others
    censored: who went for another reason will not come. Variance: Aalen (1978), Ann. Stat. 6:534, as in Pintilie (2006), equation 4.5;
    bounds on the log-minus-log scale. ``ValueError`` as in `kaplan_meier`.
    """
    kinds = int(max(causes.max(initial=0), cause))
    table = _table(durations, causes, kinds)
    left, died, of_cause = table.at_risk, table.events.sum(axis=0), table.events[cause - 1]
    survival = np.cumprod(1.0 - died / left)
    before = np.concatenate(([1.0], survival[:-1]))
    incidence = np.cumsum(before * of_cause / left)
    variance = _incidence_variance(incidence, before, left, died, of_cause)
    low, high = _log_minus_log(incidence, variance)
    return Curve(table.times, incidence, variance, low, high, left, origin=0.0)


def _incidence_variance(incidence: Floats, before: Floats, left: Floats, died: Floats, of_cause: Floats) -> Floats:
    # The textbook sums over all pairs of times; with the squares multiplied out, running sums do the same in one pass.
    all_causes = _ratio(died, (left - 1) * (left - died))
    own_cause = _ratio((left - of_cause) * of_cause * before**2, (left - 1) * left**2)
    both = _ratio(of_cause * (left - of_cause) * before, left * (left - died) * (left - 1))
    spread = (
        incidence**2 * np.cumsum(all_causes)
        - 2 * incidence * np.cumsum(incidence * all_causes)
        + np.cumsum(incidence**2 * all_causes)
    )
    shared = incidence * np.cumsum(both) - np.cumsum(incidence * both)
    variance: Floats = np.maximum(spread + np.cumsum(own_cause) - 2 * shared, 0.0)
    return variance


def _table(durations: Floats, causes: NDArray[np.int64], kinds: int) -> _Table:
    if durations.shape != causes.shape or durations.ndim != 1:
        raise ValueError("durations and what ended them must be two rows of the same length")
    if durations.size and not (np.isfinite(durations).all() and durations.min() >= 0 and causes.min() >= CENSORED):
        raise ValueError("a duration is negative or not finite, or a cause is not known")
    times, place = np.unique(durations, return_inverse=True)
    ended = np.bincount(place, minlength=times.size)
    at_risk = durations.size - np.concatenate(([0], np.cumsum(ended)[:-1])) if times.size else ended
    events = np.stack(
        [np.bincount(place[causes == kind], minlength=times.size) for kind in range(1, kinds + 1)]
    ).astype(np.float64)
    return _Table(times, at_risk.astype(np.float64), events)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotients, 0 where there is nothing to divide by: the last one at risk adds nothing to a variance."""
    quotient = np.zeros_like(denominator)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def _log_minus_log(share: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return 95 % bounds that stay within 0 and 1; a share of exactly 0 or 1 has none."""
    low, high = np.full_like(share, np.nan), np.full_like(share, np.nan)
    inside = (share > _TOLERANCE) & (share < 1 - _TOLERANCE)
    logs = np.log(share[inside])
    reach = Z95 * np.sqrt(variance[inside]) / (share[inside] * np.abs(logs))
    low[inside], high[inside] = np.exp(logs * np.exp(reach)), np.exp(logs * np.exp(-reach))
    return low, high
