"""The figures of deadlines (PURE): how long leads wait for a response, and how many deadlines are met."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from service.nurture.deadlines.clocks import LEFT, MET
from service.nurture.deadlines.statistics.question import EVERY, Asked, Key
from service.nurture.deadlines.statistics.schemas import Leaving
from service.stats.estimators.survival import CENSORED, Floats, aalen_johansen
from service.stats.funnel import rate
from service.stats.wilson import ENOUGH

_RESPONDED: Final = 1
_LEFT: Final = 2
_QUANTILES: Final = (("p50", 0.5), ("p75", 0.75), ("p90", 0.9))

_COMMON: Final = (
    "Deadlines whose stage was entered in the interval; without test leads, without those that a correction took back, and without "
    "stages that we were told of, or that a rule was made for, too late. A deadline that another rule took the place of counts as that. "
    "owner: who had the lead when it ended, or has it now."
)
OVERDUE_TEXT: Final = (
    f"{_COMMON} in_time, late: what was to be done was done, or the lead left the stage, until due_at or after it; open, overdue: neither, "
    "and due_at is to come or has passed. started = in_time + late + open + overdue. met: in_time / (in_time + late + overdue). Bounds: "
    "Wilson, 95 %."
)


class Waits(NamedTuple):
    """How long some of a group waited, in seconds by the clock and of working time, and how that ended (None: it has not)."""

    key: Key
    how: str | None
    clock: Sequence[float]
    working: Sequence[float]


class StateCount(NamedTuple):
    """How many of a group are in a state."""

    key: Key
    state: str
    deadlines: int


def response_text(leaving: Leaving) -> str:
    """Return the definition of response times in words."""
    left = (
        "a lead that left the stage before that will not be responded to, which competes with it (Aalen and Johansen's estimator; without "
        "any such it is Kaplan and Meier's)"
        if leaving == "competes"
        else "leaving the stage is a response as well (Kaplan and Meier's estimator)"
    )
    return (
        f"{_COMMON} From when the stage was entered until one of us got in touch with the lead; {left}. Those that still wait count for as "
        "long as they have waited: never dropped. p50: by then half of all had been responded to. clock: all hours; working: those of the "
        "rule's calendar."
    )


def response(asked: Asked, waits: Iterable[Waits], leaving: Leaving) -> dict[str, Any]:
    """Return response times, in the form of `ResponseOut`."""
    by_key: dict[Key, list[Waits]] = defaultdict(list)
    for one in waits:
        by_key[one.key].append(one)
    every = [one for some in by_key.values() for one in some]
    groups = [_response_group(asked, key, some, leaving) for key, some in by_key.items()]
    bare = _bare(asked)
    return {
        "definition": asked.definition(response_text(leaving)) | {"leaving": leaving},
        "groups": _sorted(groups) if asked.group_by else [_response_group(bare, (), every, leaving)],
        "totals": _response_group(bare, (), every, leaving),
    }


def _response_group(asked: Asked, key: Key, waits: Sequence[Waits], leaving: Leaving) -> dict[str, Any]:
    counts: Counter[str | None] = Counter()
    for one in waits:
        counts[one.how] += len(one.clock)
    links = {
        "started": asked.address(key),
        "responded": asked.address(key, ended=[MET]),
        "left": asked.address(key, ended=[LEFT]),
        "open": asked.address(key, states=["open", "overdue"]),
    }
    return {
        "key": asked.key_of(key),
        "started": counts.total(),
        "responded": counts[MET],
        "left": counts[LEFT],
        "open": counts[None],
        "clock_seconds": _quantiles([(one.how, one.clock) for one in waits], leaving),
        "working_seconds": _quantiles([(one.how, one.working) for one in waits], leaving),
        "insufficient_data": counts[MET] + (counts[LEFT] if leaving == "responds" else 0) < ENOUGH,
        "links": links,
    }


def _quantiles(waits: Sequence[tuple[str | None, Sequence[float]]], leaving: Leaving) -> dict[str, float | None]:
    cause: Mapping[str | None, int] = {
        MET: _RESPONDED,
        LEFT: _LEFT if leaving == "competes" else _RESPONDED,
        None: CENSORED,
    }
    seconds: Floats = np.concatenate([np.empty(0), *(np.asarray(some, dtype=np.float64) for _, some in waits)])
    causes = np.concatenate(
        [np.empty(0, dtype=np.int64), *(np.full(len(some), cause[how], dtype=np.int64) for how, some in waits)]
    )
    curve = aalen_johansen(np.maximum(seconds, 0.0), causes, _RESPONDED)
    return {name: curve.reaches(share) for name, share in _QUANTILES}


def overdue(asked: Asked, counts: Iterable[StateCount]) -> dict[str, Any]:
    """Return how many deadlines are met, in the form of `OverdueOut`."""
    by_key: dict[Key, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for one in counts:
        by_key[one.key][one.state] += one.deadlines
        total[one.state] += one.deadlines
    groups = [_overdue_group(asked, key, some) for key, some in by_key.items()]
    bare = _bare(asked)
    return {
        "definition": asked.definition(OVERDUE_TEXT),
        "groups": _sorted(groups) if asked.group_by else [_overdue_group(bare, (), total)],
        "totals": _overdue_group(bare, (), total),
    }


def _overdue_group(asked: Asked, key: Key, counts: Counter[str]) -> dict[str, Any]:
    decided = counts["in_time"] + counts["late"] + counts["overdue"]
    return {
        "key": asked.key_of(key),
        "started": sum(counts[state] for state in EVERY),
        **{state: counts[state] for state in EVERY},
        "met": rate(counts["in_time"], decided),
        "links": {
            "started": asked.address(key),
            **{state: asked.address(key, states=[state]) for state in EVERY},
        },
    }


def _sorted(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the largest first; of those that are alike the first by name, what has no name last."""
    return sorted(
        groups, key=lambda one: (-one["started"], [(value is None, value or "") for value in one["key"].values()])
    )


def _bare(asked: Asked) -> Asked:
    """Return the same question without groups."""
    return replace(asked, group_by=())
