"""The absorbing Markov chain (PURE): from each stage, how it ends and how long that takes.

Kemeny and Snell, Finite Markov Chains (1960), chapter III; Grinstead and Snell, Introduction to Probability, section 11.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from service.stats.estimators.survival import Floats


@dataclass(frozen=True, slots=True)
class Absorption:
    """What becomes of a chain with ``t`` transient and ``r`` absorbing states.

    ``visits`` (t, t) is the fundamental matrix: how often state j is visited, the start included, from state i. ``steps`` (t,) is the
    expected number of steps until absorption, ``ends`` (t, r) the probability of ending in each absorbing state.
    """

    visits: Floats
    steps: Floats
    ends: Floats


def absorb(among: Floats, out: Floats) -> Absorption:
    """Return the chain's absorption from the transition probabilities among the transient states (t, t) and into the absorbing ones (t, r).

    ``ValueError`` if a row does not add up to one, or if some state is never left for good.
    """
    if not np.allclose(among.sum(axis=1) + out.sum(axis=1), 1.0):
        raise ValueError("the probabilities of going on from a state must add up to one")
    if not _all_end(among, out):
        raise ValueError("from some state no end can be reached")
    visits = np.linalg.solve(np.eye(len(among)) - among, np.eye(len(among))).astype(np.float64, copy=False)
    return Absorption(visits, visits.sum(axis=1), visits @ out)


def _all_end(among: Floats, out: Floats) -> bool:
    """Say whether an absorbing state can be reached from each transient one: else the system has no solution."""
    reached = out.sum(axis=1) > 0
    for _ in range(len(among)):
        reached = reached | (among[:, reached].sum(axis=1) > 0)
    return bool(reached.all())
