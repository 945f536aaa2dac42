"""Time until something happens, with those to whom it has not happened yet (PURE): Kaplan and Meier's estimator, and Aalen and Johansen's.

Durations are in any one unit, not negative. Whoever was watched for the whole time without the event is *censored*: at risk until then,
inclusive, as is usual (an event and a censoring at the same time: the event comes first). Ties are exact: all events of one time share
one risk set. Sums run over the distinct times once, so that a million journeys take a sort and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.stats.wilson import Z95, wilson

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

CENSORED: Final = 0
"""The cause of those that are still open."""

# Products of many fractions miss a round figure such as one half by a rounding error.
_TOLERANCE: Final = 1e-12
_ROUNDING: Final = 1e-15


class Spans(NamedTuple):
    """Durations by how they ended, each ascending, in whole small steps; ``unit`` steps are one unit of the curves made of them.

    ``ended[0]`` are the censored, ``ended[1]`` those that ended by cause 1, and so on.
    """

    ended: tuple[Integers, ...]
    unit: float = 1.0

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self.ended))

    def ended_by(self, cause: int) -> int:
        """Return how many ended so."""
        return len(self.ended[cause])


@dataclass(frozen=True, slots=True)
class _Table:
    """Of each distinct time at which anything ended: how many were at risk, how many left by any cause, and how many by the one in view.

    ``total`` is how many there were, ``censored`` are the durations of those that were watched no longer, ascending, ``unit`` of them being one.
    """

    times: Floats
    at_risk: Floats
    died: Floats
    of_cause: Floats
    total: int
    censored: Floats | Integers
    unit: float

    @property
    def until(self) -> float:
        """Return the last time of which anything is known: for ever, if it has happened to all who were watched longest."""
        if not self.total:
            return 0.0
        last = float(self.censored[-1]) / self.unit if len(self.censored) else -np.inf
        return np.inf if self.times.size and self.times[-1] > last else last

    def watched(self, time: float) -> int:
        """Return of how many it is known what became of them by a time: it has happened to them, or they were watched as long."""
        return self.total - int(np.searchsorted(self.censored, time * self.unit, side="left"))

    def survival(self) -> Floats:
        """Return the share that is left after each time."""
        left: Floats = np.cumprod(1.0 - self.died / self.at_risk, dtype=np.float64)
        return left

    def upto(self, step: int) -> _Table:
        """Return its beginning, with that step as the last one."""
        upto = slice(step + 1)
        counts = (self.at_risk[upto], self.died[upto], self.of_cause[upto])
        return _Table(self.times[upto], *counts, self.total, self.censored, self.unit)


class Estimate(NamedTuple):
    """The value of a curve at a time, its 95 % bounds and variance, and of how many it is known what became of them by then."""

    value: float
    low: float
    high: float
    variance: float
    watched: int


@dataclass(frozen=True)
class Curve:
    """A step function of time that starts at ``(0, origin)`` and takes ``values[i]`` from ``times[i]`` on, each with its 95 % bounds.

    ``variance`` belongs to ``values``; bounds are nan where nothing can be said of them. ``at_risk`` is how many were left just before.
    Variance and bounds cost more than all the rest, so they are worked out when somebody asks.
    """

    values: Floats
    origin: float
    table: _Table

    @property
    def times(self) -> Floats:
        """Return the times of the steps."""
        return self.table.times

    @property
    def at_risk(self) -> Floats:
        """Return how many were left just before each time."""
        return self.table.at_risk

    @cached_property
    def variance(self) -> Floats:
        """Return the variance of each value."""
        return _variance(self.table, self.values, self.origin)

    @cached_property
    def _bounds(self) -> tuple[Floats, Floats]:
        return _log_minus_log(self.values, self.variance)

    @property
    def low(self) -> Floats:
        """Return the lower bound of each value."""
        return self._bounds[0]

    @property
    def high(self) -> Floats:
        """Return the upper bound of each value."""
        return self._bounds[1]

    def at(self, time: float) -> Estimate | None:
        """Return the value at a time, or None if nobody was watched as long.

        Where it has happened to nobody yet, or to all, that is no certainty: the bounds are then Wilson's, of those of whom it is known, and the
        variance is that which has its bound as far away.
        """
        # Times are quotients: what is as long may differ in its last digit.
        at_least, at_most = time * (1 - _ROUNDING), time * (1 + _ROUNDING)
        if at_least > self.table.until:
            return None
        step = int(np.searchsorted(self.times, at_most, side="right")) - 1
        value = float(self.values[step]) if step >= 0 else self.origin
        watched = self.table.watched(at_least)
        if _TOLERANCE < value < 1 - _TOLERANCE:
            some = _variance(self.table.upto(step), self.values[: step + 1], self.origin, last=True)
            low, high = _log_minus_log(np.array([value]), some)
            return Estimate(value, float(low[0]), float(high[0]), float(some[0]), watched)
        bounds = wilson(watched * round(value), watched)
        assert bounds is not None, "somebody was watched until then"
        low_, high_ = bounds
        return Estimate(value, low_, high_, ((high_ - low_) / Z95) ** 2, watched)

    def reaches(self, share: float) -> float | None:
        """Return the first time by which a share of all has had the event, or None if that cannot be seen (yet)."""
        wanted = share - _TOLERANCE
        had = self.values >= wanted if self.origin == 0.0 else 1.0 - self.values >= wanted
        first = int(np.argmax(had)) if had.size else 0
        return float(self.times[first]) if had.size and had[first] else None


def kaplan_meier(durations: Floats, happened: NDArray[np.bool_]) -> Curve:
    """Return the share that has not had the event yet, by time.

    Variance by Greenwood (1926), bounds on the log-minus-log scale. Kaplan and Meier (1958), JASA 53:457. ``ValueError`` for durations
    that are negative or not finite, or arrays of different lengths.
    """
    return _staying(_counted(durations, happened.astype(np.int64), 1))


def aalen_johansen(durations: Floats, causes: Integers, cause: int) -> Curve:
    """Return the share that has had the event of one cause, by time, while the other causes compete with it.

    ``causes`` holds `CENSORED` or the number of what happened (1, 2, …). This is not one minus the Kaplan-Meier curve with the others
    censored: who went for another reason will not come. Variance: Aalen (1978), Ann. Stat. 6:534, as in Pintilie (2006), equation 4.5;
    bounds on the log-minus-log scale. ``ValueError`` as in `kaplan_meier`.
    """
    return _coming(_counted(durations, causes, cause))


def staying(spans: Spans, *, every: bool = False) -> Curve:
    """Return the curve of `kaplan_meier` for spans that are sorted, whatever ended them; ``every`` with a step also where only censored end."""
    return _staying(_merged(spans, 0, every=every))


def coming(spans: Spans, cause: int, *, every: bool = False) -> Curve:
    """Return the curve of `aalen_johansen` for spans that are sorted; ``every`` with a step also where only censored end."""
    return _coming(_merged(spans, cause, every=every))


def _staying(table: _Table) -> Curve:
    return Curve(table.survival(), 1.0, table)


def _coming(table: _Table) -> Curve:
    before = _before(table)
    np.multiply(before, table.of_cause, out=before)
    np.divide(before, table.at_risk, out=before)
    # Many small shares of a whole may come to a little more than it.
    return Curve(np.minimum(np.cumsum(before), 1.0), 0.0, table)


def _before(table: _Table) -> Floats:
    return np.concatenate(([1.0], table.survival()[:-1])) if table.times.size else np.empty(0)


def _counted(durations: Floats, causes: Integers, cause: int) -> _Table:
    if durations.shape != causes.shape or durations.ndim != 1:
        raise ValueError("durations and what ended them must be two rows of the same length")
    if durations.size and not (np.isfinite(durations).all() and durations.min() >= 0 and causes.min() >= CENSORED):
        raise ValueError("a duration is negative or not finite, or a cause is not known")
    times, place = np.unique(durations, return_inverse=True)
    ended = np.bincount(place, minlength=times.size)
    at_risk = durations.size - (np.cumsum(ended) - ended)
    died = np.bincount(place[causes != CENSORED], minlength=times.size)
    of_cause = np.bincount(place[causes == cause], minlength=times.size)
    return _Table(times, *_floats(at_risk, died, of_cause), durations.size, np.sort(durations[causes == CENSORED]), 1.0)


def _floats(at_risk: Integers, died: Integers, of_cause: Integers) -> tuple[Floats, Floats, Floats]:
    return at_risk.astype(np.float64), died.astype(np.float64), of_cause.astype(np.float64)


def _merged(spans: Spans, cause: int, *, every: bool) -> _Table:
    """Return the table of spans; ``cause`` 0 has any cause in view."""
    shift = len(spans.ended).bit_length()
    # The cause travels with its time as its lowest bits. What is sorted in parts already is merged, which costs next to nothing.
    keys = np.concatenate(
        [(part << shift) | code for code, part in enumerate(spans.ended) if every or code != CENSORED]
        or [np.empty(0, dtype=np.int64)]
    )
    keys.sort(kind="stable")
    moments = keys >> shift
    last = np.flatnonzero(np.append(moments[1:] != moments[:-1], True)) if moments.size else np.empty(0, dtype=np.int64)
    times = moments[last]
    ended, before = _steps(last + 1)
    codes = keys & ((1 << shift) - 1)
    died = _steps(np.cumsum(codes != CENSORED)[last])[0] if every else ended
    of_cause = died if cause == CENSORED else _steps(np.cumsum(codes == cause)[last])[0]
    if not every:
        before = before + np.searchsorted(spans.ended[CENSORED], times, side="left")
    counts = _floats(len(spans) - before, died, of_cause)
    return _Table(times / spans.unit, *counts, len(spans), spans.ended[CENSORED], spans.unit)


def _steps(upto: Integers) -> tuple[Integers, Integers]:
    """Return by how much a running count grows at each place, and what it was before."""
    before = np.concatenate(([0], upto[:-1])) if upto.size else upto
    return upto - before, before


def _variance(table: _Table, values: Floats, origin: float, *, last: bool = False) -> Floats:
    """Return the variance of the values, or of the last one alone."""
    if not values.size:
        return values
    total: Callable[[Floats], Any] = _all_of_it if last else np.cumsum
    left, died = table.at_risk, table.died
    variance: Floats
    if origin == 1.0:
        variance = _final(values, last=last) ** 2 * total(_ratio(died, left * (left - died)))
    else:
        variance = np.maximum(_incidence_variance(table, values, total, last=last), 0.0)
    return variance


def _incidence_variance(table: _Table, incidence: Floats, total: Callable[[Floats], Any], *, last: bool) -> Floats:
    # The textbook sums over all pairs of times; with the squares multiplied out, running sums do the same in one pass.
    left, died, of_cause, before = table.at_risk, table.died, table.of_cause, _before(table)
    end = _final(incidence, last=last)
    all_causes = _ratio(died, (left - 1) * (left - died))
    own_cause = _ratio((left - of_cause) * of_cause * before**2, (left - 1) * left**2)
    both = _ratio(of_cause * (left - of_cause) * before, left * (left - died) * (left - 1))
    spread = end**2 * total(all_causes) - 2 * end * total(incidence * all_causes) + total(incidence**2 * all_causes)
    shared = end * total(both) - total(incidence * both)
    variance: Floats = spread + total(own_cause) - 2 * shared
    return variance


def _final(values: Floats, *, last: bool) -> Floats:
    return values[-1:] if last else values


def _all_of_it(terms: Floats) -> float:
    return float(terms.sum())


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
