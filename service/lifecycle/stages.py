"""The seven stages of a lead, and the order of the funnel."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a lead stands."""

    ACQUIRED = "acquired"
    CLEANED = "cleaned"
    NURTURED = "nurtured"
    OPPORTUNITY = "opportunity"
    WON = "won"
    CHURNED = "churned"
    REACTIVATED = "reactivated"


FUNNEL: Final = (Stage.ACQUIRED, Stage.CLEANED, Stage.NURTURED, Stage.OPPORTUNITY, Stage.WON)
"""Funnel order. The first rung is the entry: a reactivated lead stands on it as well."""

_RANK: Final[dict[str, int]] = {**{stage: rank for rank, stage in enumerate(FUNNEL)}, Stage.REACTIVATED: 0}


def funnel_rank(stage: str) -> int:
    """Return the rung of the funnel a stage is, 0 (entry) to 4 (won); `KeyError` for ``churned``, which is none."""
    return _RANK[stage]


def is_in_funnel(stage: str) -> bool:
    """Say whether a stage is a rung of the funnel: all are but ``churned``."""
    return stage in _RANK
