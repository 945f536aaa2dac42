"""Bottlenecks (PURE): where the most wins would be gained, if a step of the funnel did as well as it has shown it can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

from service.stats.definitions import CHURNED, OPEN, REACHED
from service.stats.funnel import RUNGS, Figures, rate
from service.stats.question import Addresses
from service.stats.wilson import ENOUGH, wilson

_STEPS: Final = tuple(pairwise(RUNGS))


class Example(NamedTuple):
    """Figures of a part of the journeys to be learnt from: a quarter (by its start), or a channel."""

    kind: str
    name: str | None
    figures: Figures
    leads: Addresses


class Best(NamedTuple):
    """The best example of a step: its shares, and the lower bound of them that the step is held to."""

    example: Example
    passed: int
    tried: int
    bound: float


def bottleneck_steps(figures: Figures, examples: Iterable[Example], addresses: Addresses) -> list[dict[str, Any]]:
    """Return the steps of the funnel, the one with the most to gain first, in the form of `StepOut`.

    A step is held to the lower 95 % bound of its best example, not to the example's own rate: so a small sample that was lucky promises
    little. Examples with fewer than 30 to pass are not looked at.
    """
    known = list(examples)
    onward = _onward(figures)
    steps = [_step(figures, step, known, onward[step[1]], addresses) for step in _STEPS]
    steps.sort(key=lambda step: (-step["wins_gained"], step["from_stage"] != RUNGS[0]))
    return [{"rank": rank, **step} for rank, step in enumerate(steps, 1)]


def _onward(figures: Figures) -> Mapping[str, float]:
    """Return for each stage what share of those that came to it were won."""
    won = figures[RUNGS[-1], REACHED]
    return {stage: won / figures[stage, REACHED] if figures[stage, REACHED] else 0.0 for stage in RUNGS}


def _step(
    figures: Figures, step: tuple[str, str], examples: list[Example], onward: float, addresses: Addresses
) -> dict[str, Any]:
    here, there = step
    tried, passed = figures[here, REACHED], figures[there, REACHED]
    own = passed / tried if tried else 0.0
    best = _best(step, examples)
    gained = max(0.0, best.bound - own) * tried * onward if best else 0.0
    return {
        "from_stage": here,
        "to_stage": there,
        "step": rate(passed, tried),
        "best": None
        if best is None
        else {
            "kind": best.example.kind,
            "name": best.example.name,
            "step": rate(best.passed, best.tried),
            "held_to": best.bound,
            "leads": best.example.leads.at(there, REACHED),
        },
        "won_of_those_that_pass": onward,
        "wins_gained": gained,
        "lost_here": figures[here, CHURNED],
        "waiting_here": figures[here, OPEN],
        "links": {
            name: addresses.at(here, part)
            for name, part in (("lost_here", CHURNED), ("waiting_here", OPEN))
            if figures[here, part]
        },
        "leads": addresses.at(here, REACHED),
    }


def _best(step: tuple[str, str], examples: list[Example]) -> Best | None:
    here, there = step
    found = None
    for example in examples:
        tried, passed = example.figures[here, REACHED], example.figures[there, REACHED]
        bounds = wilson(passed, tried) if tried >= ENOUGH else None
        if bounds and (found is None or bounds[0] > found.bound):
            found = Best(example, passed, tried, bounds[0])
    return found
