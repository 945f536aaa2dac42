"""Maturity (PURE): what a young cohort may still become, and whether it is old enough to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

import numpy as np

from service.stats.estimators.survival import Floats, coming
from service.stats.question import duration
from service.stats.side_by_side import side_by_side
from service.stats.velocity import THERE, Found
from service.stats.wilson import ENOUGH

RIPE: Final = 0.8
"""A cohort is immature for a stage while less than this share of it is old enough."""

_MOST: Final = 0.9
_DAY: Final = timedelta(days=1)


def maturity_of(spans: Mapping[str, Found], ages: Floats, horizon: timedelta) -> dict[str, dict[str, Any]]:
    """Return for each stage the rate a cohort has by the horizon with its open journeys followed up, and how mature it is.

    ``ages`` are the ages of all its journeys, in days. The rate is Aalen and Johansen's cumulative incidence at the horizon; there is none if
    nobody was followed as far. Mature enough is a journey that is older than the time by which nine tenths of those have come that are seen
    to come; without a rate the cohort is not, whatever its age.
    """
    told = side_by_side([partial(_of_stage, find, ages, horizon) for find in spans.values()])
    return dict(zip(spans, told, strict=True))


def _of_stage(find: Found, ages: Floats, horizon: timedelta) -> dict[str, Any]:
    spans = find()
    curve = coming(spans, THERE)
    found = curve.at(horizon / _DAY)
    ripe = curve.reaches(_MOST * float(curve.values[-1])) if curve.times.size and curve.values[-1] > 0 else None
    share = float(np.mean(ages >= ripe)) if ripe is not None and ages.size else None
    return {
        "adjusted": {
            "horizon": duration(horizon),
            "rate": found.value if found else None,
            "low": found.low if found else None,
            "high": found.high if found else None,
            "insufficient_data": found is None or found.watched < ENOUGH or spans.ended_by(THERE) < ENOUGH,
        },
        "maturity": share,
        "mature_after_days": ripe,
        "immature": None if share is None else share < RIPE or found is None,
    }
