"""The forecast on the wire."""

from __future__ import annotations

from typing import ClassVar

from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out


class ForecastQuery(GroupedQuery):
    """`GET /v1/stats/forecast`. ``from`` and ``to`` say which journeys it learns from and speaks of: all, if absent."""


class EstimateOut(Out):
    """What is expected, with a 95 % interval."""

    expected: float
    low: float
    high: float


class ExpectationOut(Out):
    """Within so many days. ``wins_without_amount``: those of the expected wins whose amount nobody has told, so not in the revenue;
    ``their_usual_revenue`` is what they bring by currency, if they bring as much as wins have done in the mean.

    ``open_without_chance``: the open journeys that are not in any of this, for nobody who stood where they stand was ever followed as long;
    ``wins`` is null if that is so of all. ``insufficient_data``: fewer than 30 were followed as long, for more than a fifth of the open journeys.
    """

    days: float
    wins: EstimateOut | None
    revenue: dict[str, EstimateOut]
    wins_without_amount: float
    their_usual_revenue: dict[str, float]
    open_without_chance: int
    insufficient_data: bool


class ChanceOut(Out):
    """The chance of a win within so many days, with its 95 % bounds; null if nobody was followed as long.

    ``followed``: of how many of those it was learnt from it is known what became of them within so many days. ``insufficient_data``: fewer than 30.
    """

    days: float
    share: float | None
    low: float | None
    high: float | None
    followed: int
    insufficient_data: bool


class PlaceOut(Out):
    """Open journeys that have stood in a stage for so long, and their chances.

    ``days_to_win``: of those that stood there and were won within 90 days, half were so within this many; null if none was.
    ``learnt_from``: the journeys that once had stood there as long, or where too few did, somewhat shorter. ``insufficient_data``: so it is
    of one of the chances.
    """

    stage: str
    from_days: float
    to_days: float | None
    open: int
    learnt_from: int
    insufficient_data: bool
    days_to_win: float | None
    chances: list[ChanceOut]


class EndOut(Out):
    """What becomes of a stage in the end: the chance of being won, and the moves until it is won or churned."""

    stage: str
    won: float | None
    moves: float | None
    observed: int


class CalibrationOut(Out):
    """Predictions between two chances, their mean, and how many came true."""

    low: float
    high: float
    journeys: int
    predicted: float
    came_true: int


class BacktestOut(Out):
    """How good the forecast would have been so many days ago. ``skill``: what it saves of the Brier score of one chance for all."""

    days: float
    journeys: int
    expected_wins: float
    wins: int
    brier: float | None
    baseline: float | None
    skill: float | None
    insufficient_data: bool
    calibration: list[CalibrationOut]


class ForecastFiguresOut(Out):
    """What the open journeys may come to."""

    open: int
    expected: list[ExpectationOut]
    by_stage_and_age: list[PlaceOut]
    in_the_end: list[EndOut]
    backtest: list[BacktestOut]
    leads: dict[str, str]


class ForecastGroupOut(ForecastFiguresOut):
    """What the open journeys of one group may come to, learnt from journeys of this group alone."""

    key: dict[str, str | None]


class ForecastOut(ForecastFiguresOut):
    """What the open journeys may come to: those of each group, and below ``groups`` all of them together, learnt from all.

    What is expected of the groups does not add up to what is expected of all: each has chances of its own. A table has what is expected.
    """

    NOT_IN_TABLES: ClassVar = frozenset({"by_stage_and_age", "in_the_end", "backtest"})

    definition: DefinitionOut
    groups: list[ForecastGroupOut]
