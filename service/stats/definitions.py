"""What the figures are made of (PURE): the cell a journey falls into, the grains of the rollup, and which cells each figure counts.

A *cell* is one small number that says all a funnel needs to know of a journey: its furthest funnel stage, how it ended and which of
the stages between entry and won it entered itself. Every figure of the funnel is a sum over a set of cells, and the list behind the
figure is the journeys in that set, so that a figure and its list cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

from service.lifecycle.reasons import CATEGORIES
from service.lifecycle.stages import FUNNEL, funnel_rank

Skips = Literal["credit", "strict"]

OPEN: Final = "open"
OUTCOMES: Final = (OPEN, *CATEGORIES)
"""How a journey ended: not yet, or by a churn for a reason of that category."""

MASKED: Final = ("cleaned", "nurtured", "opportunity")
"""The stages that a journey may pass over; bit 0, 1 and 2 of a cell's mask say that it entered them."""

FURTHEST_STEP: Final = len(OUTCOMES) << len(MASKED)
OUTCOME_STEP: Final = 1 << len(MASKED)
CELLS: Final = len(FUNNEL) * FURTHEST_STEP

SIZES: Final = (0, 1, 4, 2, 3)
"""The grains of the rollup, by the size of their buckets: quarter hour, day, octad, month, year, all UTC. Each has whole buckets of those before it.

An octad begins on the 1st, 9th, 17th or 25th of a month, so that a month has four of them: days that are no month are then mostly octads.
"""

OCTAD: Final = 8
"""How many days an octad has; the last one of a month has what is left of it."""

ALL_CAMPAIGNS: Final = 10
"""Added to the grain of an octad, a month or a year: the same buckets once more, with all campaigns in one. Most questions do not ask for them."""

KEPT_GRAINS: Final = (
    (0, None, False),
    (1, "day", False),
    (4, "octad", False),
    (2, "month", False),
    (3, "year", False),
    (14, "octad", True),
    (12, "month", True),
    (13, "year", True),
)
"""Every grain the rollup keeps, what an instant is cut to for it (None: deltas have it), and whether all campaigns are in one.

None comes before those that it is added up from.
"""

ALL_DAYS: Final = 20
"""Added to a grain of the wins: from a day on, all numbers of days that they took are in one row, which tells how many took how long."""

LOOSE: Final = -1
"""Less a grain it is the number under which rows of that grain stand that are not added up yet: several may have the same key.

The many deltas of a file leave such rows: to append one takes a third of the time that it takes to find the one to add it to. That is done
when less comes in; questions read both.
"""

WIN_GRAINS: Final = tuple(
    (grain + ALL_DAYS, unit, whole, True) if unit else (grain, unit, whole, False) for grain, unit, whole in KEPT_GRAINS
)
"""Every grain the rollup of wins keeps: as `KEPT_GRAINS`, and whether all numbers of days are in one."""

STARTED: Final = 0
WON: Final = 1
"""The two axes that wins are counted along: when their journey started, and when they happened."""

QUARTER_HOUR: Final = timedelta(minutes=15)

BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
END: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Bounds that stand for "no bound": nothing happened before or after them."""


_WHOLE: Final = frozenset(grain - ALL_CAMPAIGNS for grain, _, whole in KEPT_GRAINS if whole)


def grain_to_read(grain: int, *, by_campaign: bool, of_wins: bool = False) -> int:
    """Return the grain that has the buckets of this one, in as few rows as the question allows."""
    kept = grain + ALL_CAMPAIGNS if grain in _WHOLE and not by_campaign else grain
    return kept + ALL_DAYS if of_wins and grain else kept


class Cell(NamedTuple):
    """What a cell's number says: rank of the furthest funnel stage, outcome, and the mask of `MASKED` stages that were entered."""

    furthest: int
    outcome: str
    entered: int

    @property
    def number(self) -> int:
        """Return the cell as the number that the tables keep."""
        return self.furthest * FURTHEST_STEP + OUTCOMES.index(self.outcome) * OUTCOME_STEP + self.entered

    @classmethod
    def of(cls, number: int) -> Cell:
        """Return what a number of the tables says; `ValueError` for a number that is no cell."""
        if not 0 <= number < CELLS:
            raise ValueError(f"{number} is no cell")
        furthest, rest = divmod(number, FURTHEST_STEP)
        outcome, entered = divmod(rest, OUTCOME_STEP)
        return cls(furthest, OUTCOMES[outcome], entered)

    def has_entered(self, rank: int) -> bool:
        """Say whether the journey entered the funnel stage of this rank itself; every journey entered the entry."""
        if rank == 0:
            return True
        if rank == len(FUNNEL) - 1:
            return self.furthest == rank
        return bool(self.entered >> (rank - 1) & 1)

    def has_skipped(self, rank: int) -> bool:
        """Say whether the journey passed over any funnel stage up to and including this rank."""
        return not all(self.has_entered(passed) for passed in range(1, rank + 1))


def cell_of(*, furthest: str, outcome: str, cleaned: bool, nurtured: bool, opportunity: bool) -> int:
    """Return the cell of a journey from its furthest stage, its outcome (``open`` or a reason category) and the stages it entered."""
    return Cell(funnel_rank(furthest), outcome, cleaned | nurtured << 1 | opportunity << 2).number


# The moves and the journeys of a lead that was taken in at once, or of a whole batch, have the same time.
@lru_cache(maxsize=4096)
def quarter(at: datetime) -> datetime:
    """Return the start, UTC, of the quarter hour an instant lies in: every time zone in use today is a multiple of it."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


# The parts of a funnel stage. Each is a count in the answer and, under the same name, a list of leads.
REACHED: Final = "reached"
ENTERED: Final = "entered"
SKIPPED: Final = "skipped"
CHURNED: Final = "churned"
DECIDED: Final = "decided"
FUNNEL_PARTS: Final = (
    REACHED,
    ENTERED,
    SKIPPED,
    OPEN,
    *(f"{CHURNED}.{category}" for category in CATEGORIES),
    CHURNED,
    DECIDED,
)


def counts_in(cell: Cell, rank: int, part: str, skips: Skips) -> bool:
    """Say whether a journey of this cell is counted in a part of the funnel stage of this rank.

    ``reached``: it came to the stage or beyond (credit), or entered the stage itself (strict). ``entered``: it entered the stage itself.
    ``skipped``: of those reached, it passed over a stage on the way. ``open`` and ``churned``: the stage is as far as it came, and it has
    not / has churned; a journey that was won is decided, so it is never open. ``decided`` (whatever the stage): won at some time, or churned.
    """
    reached = cell.furthest >= rank if skips == "credit" else cell.has_entered(rank)
    is_won = cell.furthest == len(FUNNEL) - 1
    match part.partition("."):
        case ("reached", _, _):
            return reached
        case ("entered", _, _):
            return cell.has_entered(rank)
        case ("skipped", _, _):
            return reached and cell.has_skipped(rank)
        case ("open", _, _):
            return cell.furthest == rank and cell.outcome == OPEN and not is_won
        case ("churned", _, category):
            return cell.furthest == rank and cell.outcome != OPEN and category in ("", cell.outcome)
        case ("decided", _, _):
            return is_won or cell.outcome != OPEN
    raise ValueError(f"{part} is no part of a funnel stage")


def all_cells() -> Iterator[tuple[int, Cell]]:
    """Yield every number that is a cell, with what it says."""
    return ((number, Cell.of(number)) for number in range(CELLS))


@cache
def cells_in(stage: str, part: str, skips: Skips) -> frozenset[int]:
    """Return the cells whose journeys are counted in a part of a funnel stage."""
    rank = funnel_rank(stage)
    return frozenset(number for number, cell in all_cells() if counts_in(cell, rank, part, skips))
