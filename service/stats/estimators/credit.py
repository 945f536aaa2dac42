"""Attribution (PURE): how the credit for one conversion is shared among the touches that came before it.

Each rule returns one weight a touch, in the order of the touches, that add up to one. `removal_credits` looks at all paths at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal, TypeAlias, get_args

import numpy as np

Model = Literal["first", "last", "linear", "position", "time_decay", "markov"]
MODELS: Final[tuple[Model, ...]] = get_args(Model)

HALF_LIFE: Final = 7.0
"""Days after which a touch is worth half as much to a conversion (`time_decay`)."""

_ENDS: Final = 0.4

Path: TypeAlias = tuple[str | None, ...]


def first(ages: Sequence[float]) -> list[float]:
    """Return all credit for the first touch. ``ages`` are the days between each touch and the conversion, oldest first."""
    return [1.0, *[0.0] * (len(ages) - 1)]


def last(ages: Sequence[float]) -> list[float]:
    """Return all credit for the last touch."""
    return [*[0.0] * (len(ages) - 1), 1.0]


def linear(ages: Sequence[float]) -> list[float]:
    """Return the same credit for each touch."""
    return [1.0 / len(ages)] * len(ages)


def position(ages: Sequence[float]) -> list[float]:
    """Return 40 % for the first and the last touch each and the rest for those between; two touches share alike."""
    if len(ages) <= 2:
        return linear(ages)
    between = (1.0 - 2 * _ENDS) / (len(ages) - 2)
    return [_ENDS, *[between] * (len(ages) - 2), _ENDS]


def time_decay(ages: Sequence[float]) -> list[float]:
    """Return credit that halves with every seven days between touch and conversion."""
    youngest = min(ages)
    worth = [2.0 ** ((youngest - age) / HALF_LIFE) for age in ages]
    return [one / sum(worth) for one in worth]


RULES: Final[Mapping[Model, Callable[[Sequence[float]], list[float]]]] = {
    "first": first,
    "last": last,
    "linear": linear,
    "position": position,
    "time_decay": time_decay,
}
"""The models that look at one path alone."""


def removal_effects(paths: Mapping[Path, tuple[float, float]]) -> tuple[float, dict[str | None, float]]:
    """Return the chance of a conversion, and for each channel the share of it that would be lost without the channel.

    ``paths`` maps a path of channels to how often it ended in a conversion and how often it did not. The model is a Markov chain of
    order 1 over start, channels, conversion and null; a removed channel sends everybody to null. Solved exactly, not simulated: what is lost
    is the chance of ever coming to the channel, times that of a conversion from there, and one inverse tells both of all channels.
    Anderl, Becker, von Wangenheim and Schumann (2016), IJRM 33:457.
    """
    channels = sorted({channel for path in paths for channel in path}, key=lambda name: (name is None, name or ""))
    index = {channel: number for number, channel in enumerate(channels, 1)}
    onward, won = _transitions(paths, index)
    # Every path ends, so that from every state an end can be reached: the system has a solution.
    visits = np.linalg.inv(np.eye(len(won)) - onward)
    chances = visits @ won
    if chances[0] <= 0.0:
        return 0.0, dict.fromkeys(channels, 0.0)
    lost = visits[0] / np.diagonal(visits) * chances / chances[0]
    return float(chances[0]), {channel: float(lost[number]) for channel, number in index.items()}


def removal_credits(paths: Mapping[Path, tuple[float, float]]) -> dict[str | None, float]:
    """Return each channel's share of all conversions by its removal effect; the shares add up to one, or are all 0 without a conversion."""
    _, effects = removal_effects(paths)
    whole = sum(effects.values())
    return {channel: effect / whole if whole > 0 else 0.0 for channel, effect in effects.items()}


def _transitions(
    paths: Mapping[Path, tuple[float, float]], index: Mapping[str | None, int]
) -> tuple[np.ndarray, np.ndarray]:
    counts = np.zeros((len(index) + 1, len(index) + 1))
    wins, nulls = np.zeros(len(index) + 1), np.zeros(len(index) + 1)
    for path, (won, lost) in paths.items():
        states = [0, *(index[channel] for channel in path)]
        for here, there in pairwise(states):
            counts[here, there] += won + lost
        wins[states[-1]] += won
        nulls[states[-1]] += lost
    leaving = counts.sum(axis=1) + wins + nulls
    leaving[leaving == 0] = 1.0
    return counts / leaving[:, None], wins / leaving


def collapse(paths: Iterable[tuple[Path, bool]]) -> dict[Path, tuple[float, float]]:
    """Return how often each path ended in a conversion and how often it did not."""
    counted: dict[Path, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for path, converted in paths:
        counted[path][0 if converted else 1] += 1
    return {path: (won, lost) for path, (won, lost) in counted.items()}
