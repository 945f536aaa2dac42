"""Who is won (PURE): each value of each dimension held against all journeys without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from service.stats.estimators.judging import holm, share_difference, share_ratio, two_shares
from service.stats.funnel import order_of, rate
from service.stats.question import Addresses, Dimension
from service.stats.wilson import ENOUGH

CUSTOMARY: Final[tuple[Dimension, ...]] = ("industry", "company_size", "country", "region", "channel")
"""The dimensions that are looked at when none are named, with all custom attributes that are a choice or a boolean."""

NOISE: Final = 0.05
"""A difference with a corrected p-value below this is called more than noise."""

_EXPECTED: Final = 5
"""The normal approximation needs as many wins, and others, expected on both sides: Cochran (1954), Biometrics 10:417."""


class Share(NamedTuple):
    """How many journeys there are, and how many of them were won."""

    journeys: int
    wins: int


class Held(NamedTuple):
    """The journeys of one value of a dimension; None for those that have none."""

    dimension: Dimension
    value: str | None
    share: Share


Find = Callable[[Dimension, str | None], Addresses]


def most_frequent(held: Iterable[Held], most: int) -> tuple[list[Held], dict[Dimension, int]]:
    """Return the most frequent values of each dimension, and how many others each has that are left out."""
    by_dimension: dict[Dimension, list[Held]] = {}
    for one in held:
        by_dimension.setdefault(one.dimension, []).append(one)
    kept: list[Held] = []
    for values in by_dimension.values():
        # Chosen by how many there are, never by how they did: a choice by outcome would make luck look like a rule.
        kept += sorted(values, key=lambda one: (-one.share.journeys, order_of((one.value,))))[:most]
    return kept, {name: len(values) - most for name, values in by_dimension.items() if len(values) > most}


def profile_lines(held: Sequence[Held], whole: Share, find: Find) -> list[dict[str, Any]]:
    """Return a line for each value, in the form of `ProfileLineOut`: those that win more first, then the undecided, then those that win less."""
    rests = [Share(whole.journeys - one.share.journeys, whole.wins - one.share.wins) for one in held]
    judged = [place for place, one in enumerate(held) if _is_enough(one.share, rests[place])]
    p_values = {place: two_shares(_pair(held[place].share), _pair(rests[place])) for place in judged}
    corrected = dict(zip(judged, holm([p_values[place] for place in judged]), strict=True))
    lines = [
        _line(one, rests[place], p_values.get(place), corrected.get(place), find(one.dimension, one.value))
        for place, one in enumerate(held)
    ]
    return sorted(lines, key=_rank)


def _pair(share: Share) -> tuple[int, int]:
    return share.wins, share.journeys


def _is_enough(one: Share, rest: Share) -> bool:
    fewest = min(one.journeys, rest.journeys)
    if fewest < ENOUGH:
        return False
    pooled = (one.wins + rest.wins) / (one.journeys + rest.journeys)
    return fewest * min(pooled, 1 - pooled) >= _EXPECTED


def _line(
    one: Held, rest: Share, p_value: float | None, corrected: float | None, addresses: Addresses
) -> dict[str, Any]:
    difference, low, high = share_difference(_pair(one.share), _pair(rest)) or (None, None, None)
    lift, lift_low, lift_high = share_ratio(_pair(one.share), _pair(rest)) or (None, None, None)
    is_sure = corrected is not None and corrected < NOISE and difference is not None
    return {
        "dimension": one.dimension,
        "value": one.value,
        "journeys": one.share.journeys,
        "wins": one.share.wins,
        "rate": rate(one.share.wins, one.share.journeys),
        "rest": rate(rest.wins, rest.journeys),
        "lift": {"value": lift, "low": lift_low, "high": lift_high},
        "difference": {"value": difference, "low": low, "high": high},
        "p_value": p_value,
        "corrected_p_value": corrected,
        "wins_more": difference > 0 if is_sure and difference is not None else None,
        "insufficient_data": p_value is None,
        "leads": addresses.at("acquired", "reached"),
        "won_leads": addresses.at("won", "reached"),
    }


_ORDER: Final[Mapping[bool | None, int]] = {True: 0, None: 1, False: 2}


def _rank(line: Mapping[str, Any]) -> tuple[Any, ...]:
    lift = line["lift"]["value"]
    return (
        _ORDER[line["wins_more"]],
        line["insufficient_data"],
        -(lift if lift is not None else -1.0),
        -line["journeys"],
        line["dimension"],
        order_of((line["value"],)),
    )
