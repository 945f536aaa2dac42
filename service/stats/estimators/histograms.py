"""Histograms of many groups at once: their medians, and whether two of them differ by more than chance (PURE)."""

from __future__ import annotations

from math import erfc, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_ROOT_2: Final = sqrt(2)


class Pairs:
    """Two histograms of whole numbers for each group: ``one`` and ``other``.

    Made of rows: the group's number (from 0), the value, and how many of it ``one`` and ``other`` have. A value of a group may stand in
    several rows, which are added up; in the end there must be none of it or some, never less than none.
    """

    def __init__(self, groups: int, group: Ints, value: Ints, one: Ints, other: Ints) -> None:
        lowest, highest = (int(value.min()), int(value.max())) if len(value) else (0, 0)
        place = group * (highest - lowest + 1) + (value - lowest)
        order = np.argsort(place, kind="stable")
        group, value, place = group[order], value[order], place[order]
        (first,) = np.nonzero(np.diff(place, prepend=-1))
        self._value, self._group = value[first], group[first]
        self._one, self._other = (_sums(held[order], first) for held in (one, other))
        self._edges = np.searchsorted(self._group, np.arange(groups + 1))

    def medians(self) -> tuple[list[int | None], list[int | None]]:
        """Return the medians of both histograms of each group, the lower one of two in the middle; None where a histogram is empty."""
        return self._medians(self._one), self._medians(self._other)

    def _medians(self, counts: Ints) -> list[int | None]:
        so_far = np.concatenate(([0], np.cumsum(counts)))
        low, high = so_far[self._edges[:-1]], so_far[self._edges[1:]]
        place = np.searchsorted(so_far[1:], low + (high - low + 1) // 2)
        return [
            int(self._value[at]) if some else None
            for at, some in zip(place.tolist(), (high > low).tolist(), strict=True)
        ]

    def p_values(self) -> list[float]:
        """Return the p-value of a difference in location between the two histograms of each group, two-sided; 1 where either is empty.

        Mann and Whitney (1947), normal approximation corrected for ties.
        """
        alike = self._one + self._other
        before = np.concatenate(([0], np.cumsum(alike)))
        below = before[:-1] - before[self._edges[:-1]][self._group]
        ranks = self._per_group(self._one * (below + (alike + 1) / 2))
        ties = self._per_group(alike.astype(np.float64) ** 3 - alike)
        counts, others = self._per_group(self._one), self._per_group(self._other)
        found = []
        for count, many, rank_sum, tied in zip(counts, others, ranks, ties, strict=True):
            whole = count + many
            both = count > 0 and many > 0
            variance = count * many / 12 * ((whole + 1) - tied / (whole * (whole - 1))) if both else 0.0
            expected = count * (whole + 1) / 2
            found.append(erfc(abs(rank_sum - expected) / sqrt(variance) / _ROOT_2) if variance > 0 else 1.0)
        return found

    def _per_group(self, held: NDArray[np.int64] | NDArray[np.float64]) -> list[float]:
        groups = len(self._edges) - 1
        summed: list[float] = np.bincount(self._group, weights=held, minlength=groups).tolist()
        return summed


def _sums(held: Ints, first: Ints) -> Ints:
    """Return the sums of runs that begin at these places."""
    return np.add.reduceat(held, first) if len(first) else held
