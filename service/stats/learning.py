"""What the forecast learns (PURE): the chance of a win from where a journey stands.

The chance of a win within a horizon is read off journeys that once stood where an open one stands now: in the same stage, for about as
long. Of those, the cumulative incidence of a win (Aalen and Johansen, churn competing, the open ones censored) is taken at the horizon.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.stats.estimators.survival import CENSORED, Floats, Integers, Spans, coming
from service.stats.funnel import RUNGS
from service.stats.wilson import ENOUGH

OPEN_RUNGS: Final = RUNGS[:-1]
"""The stages an open journey can stand in: as far as it has come."""

AGES: Final = (0.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0)
"""Where the age classes begin, in days since the stage was entered; the last one has no end."""

_TRAINED_ON: Final = 100_000
_STEPS_A_DAY: Final = 86_400e6
_FOR_EVER: Final = 1e6


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

    @classmethod
    def together(cls, parts: Collection[Lives]) -> Lives:
        """Return the journeys of several groups as one."""
        return cls(*(np.concatenate(columns) for columns in zip(NOBODY, *parts, strict=True)))

    def chosen(self, which: NDArray[Any]) -> Lives:
        """Return some of the journeys."""
        return Lives(*(column[which] for column in self))


NOBODY: Final = Lives(np.empty((0, len(OPEN_RUNGS))), np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=np.str_))


class Chance(NamedTuple):
    """The chance of a win within a horizon with its 95 % bounds and variance, and of how many journeys it was learnt.

    ``followed`` are those of them of whom it is known what became of them within the horizon. Half of those that were won within the longest of
    all horizons were so within ``days``; None if none was.
    """

    share: float
    low: float
    high: float
    variance: float
    learnt_from: int
    followed: int
    days: float | None

    @property
    def is_sure(self) -> bool:
        """Whether enough were followed to rest a plan on it."""
        return self.followed >= ENOUGH


Place = tuple[int, int]
"""A stage and an age class, by their numbers."""


@dataclass(frozen=True, slots=True)
class Model:
    """Chances by place and horizon (in days)."""

    chances: Mapping[tuple[Place, float], Chance]

    def at(self, place: Place, horizon: float) -> Chance | None:
        """Return the chance at a place; where too few were followed as far, that of the next younger age class of the stage.

        If there are too few in all of them, it is that of which most were followed; None if in none of them anybody was.
        """
        stage, age = place
        known = [self.chances.get(((stage, klass), horizon)) for klass in range(age, -1, -1)]
        found = [chance for chance in known if chance is not None]
        sure = (chance for chance in found if chance.is_sure)
        return next(sure, max(found, key=lambda chance: chance.followed, default=None))


def standing(lives: Lives, at: float) -> tuple[Integers, Floats]:
    """Return in which of `OPEN_RUNGS` each journey stands at a time, and for how many days; -1 for one not begun, won or churned."""
    stage, since = np.full(len(lives.won), -1, dtype=np.int64), np.full(len(lives.won), np.nan)
    for number in range(len(OPEN_RUNGS)):
        entered = lives.entered[:, number]
        there = entered <= at
        np.copyto(stage, number, where=there)
        np.copyto(since, entered, where=there)
    gone = (lives.won <= at) | (lives.churned <= at)
    np.copyto(stage, -1, where=gone)
    np.copyto(since, np.nan, where=gone)
    return stage, at - since


def learn(lives: Lives, until: float, horizons: Sequence[float]) -> Model:
    """Return the chances as they could be known at a time: nothing after it is looked at.

    Of an age class they are those at the age that its open journeys have in the mean: chances fall with age, and at its youngest they are too good.
    """
    usual = _usual_ages(lives, until)
    begun = lives.chosen(_sample(lives.entered[:, 0], until))
    ended = np.fmin(begun.won, begun.churned)
    chances: dict[tuple[Place, float], Chance] = {}
    for stage in range(len(OPEN_RUNGS)):
        left = np.fmin.reduce([ended, *begun.entered[:, stage + 1 :].T])
        followed = _followed(begun, begun.entered[:, stage], left, until)
        for age in range(len(AGES)):
            spans = followed.landed(_steps(usual[stage, age]), _steps(max(horizons)))
            if not len(spans):
                continue
            curve = coming(spans, 1)
            days = curve.reaches(float(curve.values[-1]) / 2) if curve.values.size and curve.values[-1] > 0 else None
            for horizon in horizons:
                told = curve.at(horizon)
                if told is not None:
                    chances[(stage, age), horizon] = Chance(*told[:-1], len(spans), told.watched, days)
    return Model(chances)


def _usual_ages(lives: Lives, until: float) -> Floats:
    """Return the mean age of those that stand in each place, (stages, age classes); where nobody stands, that at which the class begins."""
    stage, age = standing(lives, until)
    here = np.flatnonzero(stage >= 0)
    place = stage[here] * len(AGES) + places(stage[here], age[here])
    counts = np.bincount(place, minlength=len(OPEN_RUNGS) * len(AGES))
    sums = np.bincount(place, age[here], minlength=len(counts))
    begins = np.tile(np.array(AGES), len(OPEN_RUNGS))
    np.divide(sums, counts, out=begins, where=counts > 0)
    return begins.reshape(len(OPEN_RUNGS), len(AGES))


def _sample(begun: Floats, until: float) -> Integers:
    """Return which journeys are learnt from: all that had begun, or of very many evenly spread ones."""
    which = np.flatnonzero(begun <= until)
    if len(which) > _TRAINED_ON:
        ordered = which[np.argsort(begun[which], kind="stable")]
        return ordered[:: -(-len(ordered) // _TRAINED_ON)]
    return which


class _Followed(NamedTuple):
    """Journeys from when they entered a stage, in steps, by how long they were followed: how that ended, when they left the stage, and
    how long ago it was that they entered it.
    """

    spans: Integers
    causes: Integers
    stayed: Integers
    since: Integers

    def landed(self, age: int, horizon: int) -> Spans:
        """Return how it went on with those that stood in the stage at an age, from then on; told exactly as far as the horizon."""
        until = int(np.searchsorted(self.spans, age + horizon, side="right"))
        there = (self.stayed > age) & (self.since >= age)
        near, causes = self.spans[:until][there[:until]] - age, self.causes[:until][there[:until]]
        # Of those that were followed beyond the horizon only that matters.
        beyond = np.full(np.count_nonzero(there[until:]), horizon + 1)
        censored = np.concatenate((near[causes == CENSORED], beyond))
        return Spans((censored, near[causes == 1], near[causes == 2]), _STEPS_A_DAY)


def _followed(lives: Lives, entered: Floats, left: Floats, until: float) -> _Followed:
    came = entered <= until
    start, won, churned = entered[came], lives.won[came], lives.churned[came]
    causes = np.where(won <= until, 1, np.where(churned <= until, 2, CENSORED))
    spans = _steps(np.fmin(np.fmin(won, churned), until) - start)
    order = np.argsort(spans, kind="stable")
    stayed = _steps(np.fmin(left[came] - start, _FOR_EVER))
    return _Followed(*(column[order] for column in (spans, causes, stayed, _steps(until - start))))


def _steps(days: Any) -> Any:
    """Return days as whole microseconds: as numbers they then add up, and compare, without an error."""
    return np.rint(np.maximum(days, 0.0) * _STEPS_A_DAY).astype(np.int64)


def places(stage: NDArray[np.int64], age: Floats) -> NDArray[np.int64]:
    """Return the number of the age class of each journey that stands somewhere, -1 for the others."""
    classes = np.searchsorted(np.array(AGES), np.nan_to_num(age), side="right") - 1
    return np.where(stage >= 0, classes, -1).astype(np.int64)
