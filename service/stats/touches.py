"""Paths of journeys (PURE): the touches of a million journeys put in order and counted by what path they make, on whole arrays.

A journey that was won has the touches before the win, any other has all of its own. Without any, what started it is all that is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.stats.estimators.credit import HALF_LIFE, Path
from service.stats.estimators.survival import Floats, Integers

Name = str | None

NOT_WON: Final = np.iinfo(np.int64).max
"""What stands for the time of a win that never was."""

_BEFORE_ALL: Final = np.iinfo(np.int64).min
_DAY: Final = 86_400e6
_PASSES: Final = 12
_LARGEST: Final = 2**62


class Rows(NamedTuple):
    """Journeys or touches as columns: the halves of the lead's id (n, 2), the journey's number, and a number for the name.

    ``at`` is when the journey was won or the touch happened, in microseconds; ``ids`` (n, 2) tell touches of one time apart.
    """

    leads: NDArray[np.uint64]
    numbers: Integers
    names: Integers
    at: Integers
    ids: NDArray[np.uint64]


class Journeys(NamedTuple):
    """Journeys, and what each brought: a number for the currency (0: none) and the amount, nan where none was told."""

    rows: Rows
    currencies: Integers
    amounts: Floats


@dataclass
class Paths:
    """How many journeys took each path: not won, and won with what they brought by currency.

    ``decayed`` are the shares of wins and amounts, by name and currency, that time decay gives to touches of paths of several.
    """

    not_won: Counter[Path] = field(default_factory=Counter)
    won: dict[tuple[Path, str | None], tuple[int, float]] = field(default_factory=dict)
    decayed: dict[tuple[Name, str | None], tuple[float, float]] = field(default_factory=dict)
    touched: Counter[Name] = field(default_factory=Counter)

    @property
    def wins(self) -> int:
        """Return how many journeys were won."""
        return sum(count for count, _ in self.won.values())


class _Walked(NamedTuple):
    """The touches that count, in order, and of which journey each is."""

    journey: Integers
    name: Integers
    at: Integers


def paths_of(
    journeys: Journeys, touches: Rows, names: Sequence[Name], currencies: Sequence[str | None], *, lookback: int | None
) -> Paths:
    """Return how many journeys took each path. ``lookback`` microseconds before the win is how far a touch may be away."""
    walked = _walked(journeys.rows, touches, lookback)
    lengths = np.bincount(walked.journey, minlength=len(journeys.rows.at))
    starts = (
        np.flatnonzero(np.append(True, walked.journey[1:] != walked.journey[:-1]))
        if walked.journey.size
        else walked.journey
    )
    bare = np.flatnonzero(lengths == 0)
    found = Paths()
    _collect(found, journeys, bare, journeys.rows.names[bare][:, None], names, currencies)
    of = walked.journey[starts]
    for length in np.unique(lengths[of]).tolist():
        some = lengths[of] == length
        steps = walked.name[starts[some][:, None] + np.arange(length)]
        _collect(found, journeys, of[some], steps, names, currencies)
    _decay(found, journeys, walked, lengths, names, currencies)
    return found


def _walked(journeys: Rows, touches: Rows, lookback: int | None) -> _Walked:
    begun = journeys._replace(at=np.full(len(journeys.at), _BEFORE_ALL))
    rows = Rows(*(np.concatenate(both) for both in zip(begun, touches, strict=True)))
    order = _in_order(rows)
    leads, numbers = rows.leads[order], rows.numbers[order]
    first = (
        np.append(True, (leads[1:] != leads[:-1]).any(axis=1) | (numbers[1:] != numbers[:-1]))
        if order.size
        else order > 0
    )
    # A journey stands before its touches; touches that none stands before are of journeys nobody asked for.
    head = order[np.flatnonzero(first)[np.cumsum(first) - 1]] if order.size else order
    kept = ~first & (head < len(journeys.at))
    journey, touch = head[kept], order[kept]
    won, at = journeys.at[journey], rows.at[touch]
    counts = at <= won
    if lookback is not None:
        counts &= (won == NOT_WON) | (at >= won - lookback)
    return _Walked(journey[counts], rows.names[touch][counts], at[counts])


def _in_order(rows: Rows) -> Integers:
    """Return the order by lead, journey, time and id.

    Ids of leads grow with time, and so rows come nearly in their order: merging by the first half of the id has little to do. What
    that leaves side by side is few, and swapped into order.
    """
    order = np.argsort(rows.leads[:, 0], kind="stable")
    leads = rows.leads[:, 0][order]
    together = np.append(leads[1:] == leads[:-1], False) if order.size else np.empty(0, dtype=np.bool_)
    active = np.flatnonzero(together)
    for _ in range(_PASSES):
        wrong = active[_is_after(rows, order[active], order[active + 1])]
        if not wrong.size:
            return order
        swapped = wrong[wrong % 2 == wrong[0] % 2]
        order[swapped], order[swapped + 1] = order[swapped + 1], order[swapped]
        again = np.zeros(len(order), dtype=np.bool_)
        again[wrong] = again[np.maximum(swapped - 1, 0)] = again[swapped + 1] = True
        active = np.flatnonzero(again & together)
    block = np.cumsum(np.append(True, ~together[:-1]))
    left = np.flatnonzero(np.isin(block, block[active]))
    some = order[left]
    keys = (rows.ids[some, 1], rows.ids[some, 0], rows.at[some], rows.numbers[some], rows.leads[some, 1], block[left])
    order[left] = some[np.lexsort(keys)]
    return order


def _is_after(rows: Rows, one: Integers, other: Integers) -> NDArray[np.bool_]:
    """Return whether rows of leads whose ids begin alike come after others."""
    after = np.zeros(len(one), dtype=np.bool_)
    open_still = np.arange(len(one))
    for column in (rows.leads[:, 1], rows.numbers, rows.at, rows.ids[:, 0], rows.ids[:, 1]):
        mine, others = column[one[open_still]], column[other[open_still]]
        after[open_still[mine > others]] = True
        open_still = open_still[mine == others]
        if not open_still.size:
            break
    return after


def _collect(
    found: Paths,
    journeys: Journeys,
    which: Integers,
    steps: Integers,
    names: Sequence[Name],
    currencies: Sequence[str | None],
) -> None:
    """Add journeys with the names (n, length) of their touches."""
    if not which.size:
        return
    won = journeys.rows.at[which] != NOT_WON
    state = np.where(won, 1 + journeys.currencies[which], 0)
    states = 1 + len(currencies)
    keys = _path_keys(steps, len(names)) * states + state
    unique, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    amounts = np.bincount(inverse, np.nan_to_num(journeys.amounts[which]), minlength=len(unique))
    told = zip(steps[first].tolist(), state[first].tolist(), counts.tolist(), amounts.tolist(), strict=True)
    for codes, kind, count, amount in told:
        path = tuple(names[code] for code in codes)
        if not kind:
            found.not_won[path] += count
            continue
        before = found.won.get((path, currencies[kind - 1]), (0, 0.0))
        found.won[path, currencies[kind - 1]] = before[0] + count, before[1] + amount
        for name in set(path):
            found.touched[name] += count


def _path_keys(steps: Integers, names: int) -> Integers:
    length = steps.shape[1]
    if names**length < _LARGEST // 1_000:
        keys: Integers = steps @ (names ** np.arange(length))
        return keys
    return np.unique(steps, axis=0, return_inverse=True)[1].reshape(-1)


def _decay(
    found: Paths,
    journeys: Journeys,
    walked: _Walked,
    lengths: Integers,
    names: Sequence[Name],
    currencies: Sequence[str | None],
) -> None:
    several = (journeys.rows.at[walked.journey] != NOT_WON) & (lengths[walked.journey] > 1)
    journey, name = walked.journey[several], walked.name[several]
    if not journey.size:
        return
    first = np.flatnonzero(np.append(True, journey[1:] != journey[:-1]))
    length = np.diff(np.append(first, len(journey)))
    age = (journeys.rows.at[journey] - walked.at[several]) / _DAY
    youngest = np.repeat(age[first + length - 1], length)
    worth = 2.0 ** ((youngest - age) / HALF_LIFE)
    share = worth / np.repeat(np.add.reduceat(worth, first), length)
    key = name * len(currencies) + journeys.currencies[journey]
    most = len(names) * len(currencies)
    wins = np.bincount(key, share, minlength=most)
    amounts = np.bincount(key, share * np.nan_to_num(journeys.amounts[journey]), minlength=most)
    for place in np.flatnonzero(np.bincount(key, minlength=most)).tolist():
        code, currency = divmod(place, len(currencies))
        found.decayed[names[code], currencies[currency]] = float(wins[place]), float(amounts[place])
