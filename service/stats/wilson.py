"""Wilson's score interval for a share (PURE)."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Final

Z95: Final = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""


ENOUGH: Final = 30
"""Trials, or events, below which a figure says that there is not enough data: its bounds are there, but no plan should rest on it."""


# A share and its difference from another one ask for the same bounds.
@lru_cache(maxsize=4096)
def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """Return the 95 % bounds of a share, or None where there is no share: no trials, or more successes than trials.

    Without continuity correction: method 3 of Newcombe (1998), Statistics in Medicine 17:857. The bounds lie in [0, 1]; they are
    exactly 0 for no success and exactly 1 for nothing but successes.
    """
    if trials <= 0 or not 0 <= successes <= trials:
        return None
    share = successes / trials
    widening = Z95 * Z95 / trials
    centre = (share + widening / 2) / (1 + widening)
    reach = Z95 * sqrt(share * (1 - share) / trials + widening / (4 * trials)) / (1 + widening)
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    high = 1.0 if successes == trials else min(1.0, centre + reach)
    return low, high
