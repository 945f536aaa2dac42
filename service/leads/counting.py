"""What a change of a lead adds to and takes from the statistics: net deltas, gathered over a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from service.core.ids import new_id
from service.lifecycle.ledger import Journey
from service.stats.definitions import cell_of, quarter

IN: Final = 0
OUT: Final = 1


class CohortKey(NamedTuple):
    """Where a journey is counted."""

    bucket: datetime
    channel: str | None
    campaign: str | None
    entry_stage: str
    cell: int


class FlowKey(NamedTuple):
    """Where a transition is counted."""

    bucket: datetime
    channel: str | None
    campaign: str | None
    from_stage: str | None
    to_stage: str


def journey_cell(journey: Journey) -> int:
    """Return the number that says how far a journey came, how it ended and which stages it entered."""
    return cell_of(
        furthest=journey.furthest_stage,
        outcome=journey.outcome,
        cleaned=journey.cleaned_at is not None,
        nurtured=journey.nurtured_at is not None,
        opportunity=journey.opportunity_at is not None,
    )


def cohort_key(journey: Journey) -> CohortKey:
    """Return where a journey is counted as it stands."""
    return CohortKey(
        quarter(journey.started_at), journey.channel, journey.campaign, journey.entry_stage, journey_cell(journey)
    )


class Deltas:
    """The net change of all counters in one transaction."""

    def __init__(self) -> None:
        self._cohorts: Counter[CohortKey] = Counter()
        self._flows: Counter[tuple[FlowKey, int]] = Counter()

    def count_journey(self, key: CohortKey, times: int) -> None:
        """Add a journey to a cell (1), or take it out (-1)."""
        self._cohorts[key] += times

    def count_move(self, move: Mapping[str, Any], *, left: Journey | None, entered: Journey, times: int = 1) -> None:
        """Add a transition (1), or take it out (-1).

        It leaves the stage in the dimensions of the journey it ``left`` and enters the next in those of the journey it ``entered``.
        """
        bucket = quarter(move["occurred_at"])

        def key(journey: Journey) -> FlowKey:
            return FlowKey(bucket, journey.channel, journey.campaign, move["from_stage"], move["to_stage"])

        if left is not None:
            self._flows[key(left), OUT] += times
        self._flows[key(entered), IN] += times

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return what is left after gains and losses cancelled out, as rows of the delta tables."""
        flows: dict[FlowKey, list[int]] = {}
        for (key, direction), times in self._flows.items():
            flows.setdefault(key, [0, 0])[direction] += times
        return {
            "cohort_deltas": [
                {"id": new_id(), **key._asdict(), "count": times} for key, times in self._cohorts.items() if times
            ],
            "flow_deltas": [
                {"id": new_id(), **key._asdict(), "moved_in": moved[IN], "moved_out": moved[OUT]}
                for key, moved in flows.items()
                if any(moved)
            ],
        }
