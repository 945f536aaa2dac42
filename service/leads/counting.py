"""What a change of a lead adds to and takes from the statistics: net deltas, gathered over a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from service.lifecycle.ledger import Journey
from service.stats.definitions import STARTED, WON, cell_of, quarter

IN: Final = 0
OUT: Final = 1

_NOTHING: Final = Decimal(0)


class CohortKey(NamedTuple):
    """Where a journey is counted."""

    bucket: datetime
    channel: str | None
    campaign: str | None
    entry_stage: str
    cell: int


class WinKey(NamedTuple):
    """Where a win is counted: currency None for one without an amount."""

    axis: int
    bucket: datetime
    channel: str | None
    campaign: str | None
    entry_stage: str
    currency: str | None
    days: int


class Share(NamedTuple):
    """What a journey counts for as it stands: once in its cell, and if it was won with what it brought and how long it took."""

    cohort: CohortKey
    wins: tuple[WinKey, ...]
    amount: Decimal
    seconds: int


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


def share_of(journey: Journey) -> Share:
    """Return what a journey counts for as it stands."""
    started = quarter(journey.started_at)
    place = (journey.channel, journey.campaign, journey.entry_stage)
    cohort = CohortKey(started, *place, journey_cell(journey))
    if journey.won_at is None:
        return Share(cohort, (), _NOTHING, 0)
    spent = journey.won_at - journey.started_at
    currency = None if journey.amount is None else journey.currency
    wins = tuple(
        WinKey(axis, bucket, *place, currency, spent.days)
        for axis, bucket in ((STARTED, started), (WON, quarter(journey.won_at)))
    )
    return Share(cohort, wins, journey.amount or _NOTHING, spent // timedelta(seconds=1))


class Deltas:
    """The net change of all counters in one transaction."""

    def __init__(self) -> None:
        self._cohorts: Counter[CohortKey] = Counter()
        self._flows: Counter[tuple[FlowKey, int]] = Counter()
        self._wins: dict[WinKey, tuple[int, Decimal, Decimal, int]] = {}

    def count_journey(self, share: Share, times: int) -> None:
        """Add what a journey counts for (1), or take it out (-1)."""
        self._cohorts[share.cohort] += times
        for key in share.wins:
            count, amount, squares, seconds = self._wins.get(key, (0, _NOTHING, _NOTHING, 0))
            self._wins[key] = (
                count + times,
                amount + times * share.amount,
                squares + times * share.amount * share.amount,
                seconds + times * share.seconds,
            )

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
            "cohort_deltas": [{**key._asdict(), "count": times} for key, times in self._cohorts.items() if times],
            "flow_deltas": [
                {**key._asdict(), "moved_in": moved[IN], "moved_out": moved[OUT]}
                for key, moved in flows.items()
                if any(moved)
            ],
            "win_deltas": [
                {
                    **key._asdict(),
                    "count": count,
                    "amount": amount,
                    "squares": squares,
                    "seconds": seconds,
                }
                for key, (count, amount, squares, seconds) in self._wins.items()
                if count or amount or squares or seconds
            ],
        }
