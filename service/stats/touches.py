"""Paths of journeys (PURE): the touches of a million journeys put in order and counted by what path they make, on whole arrays.

A journey that was won has the touches before the win, any other has all of its own. Without any, what started it is all that is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.stats.estimators.credit import HALF_LIFE, Path
from service.stats.estimators.survival import Floats, Integers

Name = str | None

NOT_WON: Final = np.iinfo(np.int64).max
"""What stands for the time of a win that never was."""

BEFORE_ALL: Final = np.iinfo(np.int64).min
"""What stands for the time of a journey among its touches."""

_DAY: Final = 86_400e6
_PASSES: Final = 12
_LARGEST: Final = 2**62
_AT_ONCE: Final = 200_000
_COUNTED_AT_ONCE: Final = 1 << 16
"""Numbers below this are counted without being sorted."""

Marks = NDArray[np.bool_]


class Rows(NamedTuple):
    """Journeys, and after them touches, as columns: the two halves of the lead's id, the journey's number, a number for the name, and when.

    ``at`` is in microseconds; it is `BEFORE_ALL` for journeys, so that each stands before its touches.
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    numbers: NDArray[np.int32] | Integers
    names: NDArray[np.int32]
    at: Integers


class Journeys(NamedTuple):
    """When journeys were won (or `NOT_WON`), what each brought: a number for the currency (0: none) and the amount, or nan; and its group's number."""

    won: Integers
    currencies: Integers
    amounts: Floats
    groups: Integers


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
    def names(self) -> set[Name]:
        """Return all that any journey was touched by."""
        return {name for path in (*self.not_won, *(path for path, _ in self.won)) for name in path}

    @property
    def wins(self) -> int:
        """Return how many journeys were won."""
        return sum(count for count, _ in self.won.values())

    @property
    def journeys(self) -> int:
        """Return how many journeys there are."""
        return self.wins + self.not_won.total()

    @classmethod
    def together(cls, parts: Iterable[Paths]) -> Paths:
        """Return the paths of several groups of journeys; none of them may be in two."""
        whole = cls()
        for part in parts:
            whole.not_won.update(part.not_won)
            whole.touched.update(part.touched)
            _add(whole.won, part.won)
            _add(whole.decayed, part.decayed)
        return whole


_Key = TypeVar("_Key")
_Number = TypeVar("_Number", int, float)


def _add(whole: dict[_Key, tuple[_Number, float]], part: Mapping[_Key, tuple[_Number, float]]) -> None:
    for key, (number, amount) in part.items():
        held = whole.get(key)
        whole[key] = (number, amount) if held is None else (held[0] + number, held[1] + amount)


class _Walked(NamedTuple):
    """The touches that count, in order, and of which journey each is."""

    journey: Integers
    name: NDArray[np.int32]
    at: Integers


class Ordered:
    """Rows in the order of lead, journey and time.

    Ids of leads grow with time, and so rows come nearly in their order: merging by the first half of the id has little to do. What
    that leaves side by side is few, and swapped into order.
    """

    def __init__(self, rows: Rows) -> None:
        order = np.argsort(rows.high, kind="stable")
        alike = _as_before(rows.high[order])
        _put_in_order(rows, order, alike)
        self.rows = rows
        self.order: Integers = order
        # Which rows are of the same journey as the row before.
        self.together: Marks = alike & _as_before(rows.low[order]) & _as_before(rows.numbers[order])
        self._tied = self._find_ties()

    def _find_ties(self) -> Integers:
        """Return the places of all touches of journeys of which time alone does not tell in what order its names stand."""
        at, names = self.rows.at[self.order], self.rows.names[self.order]
        ties = self.together & _as_before(at) & ~_as_before(names)
        if not ties.any():
            return np.empty(0, dtype=np.int64)
        journey = np.cumsum(~self.together)
        return np.flatnonzero((np.bincount(journey, ties) > 0)[journey] & (at != BEFORE_ALL))

    def tied(self) -> list[tuple[int, int, int]]:
        """Return the journeys of which only the ids of their touches tell the order: the two halves of the lead's id, and the number."""
        rows, some = self.rows, self.order[self._tied]
        columns = (rows.high[some].tolist(), rows.low[some].tolist(), rows.numbers[some].tolist())
        return list(dict.fromkeys(zip(*columns, strict=True)))

    def settle(self, names: Sequence[int]) -> None:
        """Take the numbers of the names of all touches of the journeys in `tied`, in the order of lead, journey, time and id."""
        self.rows.names[self.order[self._tied]] = names


def paths_of(
    ordered: Ordered,
    journeys: Journeys,
    names: Sequence[Name],
    currencies: Sequence[str | None],
    *,
    groups: int,
    lookback: int | None,
) -> list[Paths]:
    """Return how many journeys of each group took each path. ``lookback`` microseconds before the win is how far a touch may be away."""
    walked = _walked(ordered, journeys.won, lookback)
    lengths = np.bincount(walked.journey, minlength=len(journeys.won))
    starts = (
        np.flatnonzero(np.append(True, walked.journey[1:] != walked.journey[:-1]))
        if walked.journey.size
        else walked.journey
    )
    bare = np.flatnonzero(lengths == 0)
    found = [Paths() for _ in range(groups)]
    _collect(found, journeys, bare, ordered.rows.names[bare][:, None], names, currencies)
    of = walked.journey[starts]
    for length in np.unique(lengths[of]).tolist():
        some = lengths[of] == length
        steps = walked.name[starts[some][:, None] + np.arange(length)]
        _collect(found, journeys, of[some], steps, names, currencies)
    _decay(found, journeys, walked, lengths, names, currencies)
    return found


def _walked(ordered: Ordered, won_at: Integers, lookback: int | None) -> _Walked:
    rows, order, together = ordered.rows, ordered.order, ordered.together
    # A journey stands before its touches; touches that none stands before are of journeys nobody asked for.
    start = np.flatnonzero(~together)
    head = np.repeat(order[start], np.diff(np.append(start, len(order))))
    kept = np.flatnonzero(together & (head < len(won_at)))
    journey, touch = head[kept], order[kept]
    won, at = won_at[journey], rows.at[touch]
    counts = at <= won
    if lookback is not None:
        counts &= (won == NOT_WON) | (at >= won - lookback)
    return _Walked(journey[counts], rows.names[touch][counts], at[counts])


def _put_in_order(rows: Rows, order: Integers, alike: Marks) -> None:
    """Sort, in place, those whose leads' ids begin alike."""
    active = np.flatnonzero(alike)
    for _ in range(_PASSES):
        wrong = _are_wrong(rows, order, active)
        if not wrong.size:
            return
        swapped = wrong[wrong % 2 == wrong[0] % 2]
        order[swapped - 1], order[swapped] = order[swapped], order[swapped - 1]
        again = np.zeros(len(order) + 1, dtype=np.bool_)
        again[wrong] = again[swapped - 1] = again[swapped + 1] = True
        active = np.flatnonzero(again[:-1] & alike)
    _sort_blocks(rows, order, alike, active)


def _as_before(column: NDArray[Any]) -> Marks:
    same = np.zeros(len(column), dtype=np.bool_)
    np.equal(column[1:], column[:-1], out=same[1:])
    return same


def _sort_blocks(rows: Rows, order: Integers, alike: Marks, active: Integers) -> None:
    """Put those in order whose leads' ids begin alike, where that is not done yet: of these the many touches of one lead."""
    block = np.cumsum(~alike)
    left = np.flatnonzero(np.isin(block, block[active]))
    some = order[left]
    order[left] = some[np.lexsort((rows.at[some], rows.numbers[some], rows.low[some], block[left]))]


def _are_wrong(rows: Rows, order: Integers, active: Integers) -> Integers:
    """Return which of these places should stand before the one before; a part at a time, for there may be millions."""
    parts = (active[start : start + _AT_ONCE] for start in range(0, len(active), _AT_ONCE))
    return np.concatenate(
        [np.empty(0, dtype=np.int64), *(part[_is_after(rows, order[part - 1], order[part])] for part in parts)]
    )


def _is_after(rows: Rows, one: Integers, other: Integers) -> Marks:
    """Return whether rows of leads whose ids begin alike come after others."""
    after = np.zeros(len(one), dtype=np.bool_)
    place = np.arange(len(one))
    columns: tuple[NDArray[Any], ...] = (rows.low, rows.numbers, rows.at)
    for column in columns:
        mine, others = column[one], column[other]
        after[place[mine > others]] = True
        equal = np.flatnonzero(mine == others)
        if not equal.size:
            break
        if len(equal) < len(place):
            one, other, place = one[equal], other[equal], place[equal]
    return after


def _collect(
    found: Sequence[Paths],
    journeys: Journeys,
    which: Integers,
    steps: NDArray[np.int32],
    names: Sequence[Name],
    currencies: Sequence[str | None],
) -> None:
    """Add journeys with the names (n, length) of their touches."""
    if not which.size:
        return
    won = journeys.won[which] != NOT_WON
    kinds = 1 + len(currencies)
    state = np.where(won, 1 + journeys.currencies[which], 0) + journeys.groups[which] * kinds
    states = kinds * len(found)
    keys = _path_keys(steps, len(names), most=_LARGEST // states) * states + state
    if keys.max() >= _COUNTED_AT_ONCE:
        keys = np.unique(keys, return_inverse=True)[1]
    counts, amounts = np.bincount(keys), np.bincount(keys, np.nan_to_num(journeys.amounts[which]))
    some = np.zeros(len(counts), dtype=np.int64)
    some[keys] = np.arange(len(keys))
    there = np.flatnonzero(counts)
    some, counts, amounts = some[there], counts[there], amounts[there]
    told = zip(steps[some].tolist(), state[some].tolist(), counts.tolist(), amounts.tolist(), strict=True)
    for codes, standing, count, amount in told:
        path = tuple(names[code] for code in codes)
        group, kind = divmod(standing, kinds)
        paths = found[group]
        if not kind:
            paths.not_won[path] += count
            continue
        before = paths.won.get((path, currencies[kind - 1]), (0, 0.0))
        paths.won[path, currencies[kind - 1]] = before[0] + count, before[1] + amount
        for name in set(path):
            paths.touched[name] += count


def _path_keys(steps: NDArray[np.int32], names: int, *, most: int) -> Integers:
    """Return a number for each path, below ``most``."""
    length = steps.shape[1]
    if names**length < most:
        keys: Integers = steps @ (names ** np.arange(length))
        return keys
    return np.unique(steps, axis=0, return_inverse=True)[1].reshape(-1)


def _decay(
    found: Sequence[Paths],
    journeys: Journeys,
    walked: _Walked,
    lengths: Integers,
    names: Sequence[Name],
    currencies: Sequence[str | None],
) -> None:
    several = (journeys.won[walked.journey] != NOT_WON) & (lengths[walked.journey] > 1)
    journey, name = walked.journey[several], walked.name[several]
    if not journey.size:
        return
    first = np.flatnonzero(np.append(True, journey[1:] != journey[:-1]))
    length = np.diff(np.append(first, len(journey)))
    age = (journeys.won[journey] - walked.at[several]) / _DAY
    youngest = np.repeat(age[first + length - 1], length)
    worth = 2.0 ** ((youngest - age) / HALF_LIFE)
    share = worth / np.repeat(np.add.reduceat(worth, first), length)
    place = (journeys.groups[journey] * len(names) + name) * len(currencies) + journeys.currencies[journey]
    most = int(place.max()) + 1
    if most > _COUNTED_AT_ONCE:
        keys, place = np.unique(place, return_inverse=True)
    else:
        keys = np.arange(most)
    counts = np.bincount(place)
    wins, amounts = np.bincount(place, share), np.bincount(place, share * np.nan_to_num(journeys.amounts[journey]))
    there = counts > 0
    for key, won, amount in zip(keys[there].tolist(), wins[there].tolist(), amounts[there].tolist(), strict=True):
        code, currency = divmod(key, len(currencies))
        group, code = divmod(code, len(names))
        found[group].decayed[names[code], currencies[currency]] = won, amount
