"""Cells, grains and the parts of a funnel stage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.lifecycle.stages import FUNNEL
from service.stats.definitions import CELLS, MASKED, OUTCOMES, Cell, all_cells, cell_of, cells_in, quarter

RUNGS = [str(stage) for stage in FUNNEL]


def test_every_cell_is_one_number_and_back() -> None:
    assert CELLS == 200
    assert [cell.number for _, cell in all_cells()] == list(range(CELLS))
    assert len({cell for _, cell in all_cells()}) == CELLS


@given(st.sampled_from(RUNGS), st.sampled_from(OUTCOMES), st.booleans(), st.booleans(), st.booleans())
def test_a_cell_says_what_it_was_made_of(
    furthest: str, outcome: str, cleaned: bool, nurtured: bool, opportunity: bool
) -> None:
    number = cell_of(furthest=furthest, outcome=outcome, cleaned=cleaned, nurtured=nurtured, opportunity=opportunity)
    cell = Cell.of(number)
    assert (RUNGS[cell.furthest], cell.outcome) == (furthest, outcome)
    assert [cell.has_entered(rank) for rank in range(1, 4)] == [cleaned, nurtured, opportunity]
    assert cell.has_entered(0)
    assert cell.has_entered(4) == (furthest == "won")


def test_a_reactivated_journey_stands_on_the_first_rung() -> None:
    plain = {"outcome": "open", "cleaned": False, "nurtured": False, "opportunity": False}
    assert cell_of(furthest="reactivated", **plain) == cell_of(furthest="acquired", **plain) == 0


@pytest.mark.parametrize("number", [-1, CELLS])
def test_other_numbers_are_no_cells(number: int) -> None:
    with pytest.raises(ValueError, match="no cell"):
        Cell.of(number)


def test_the_funnel_balances_in_every_cell() -> None:
    for number, _ in all_cells():
        for stage, following in pairwise(RUNGS):
            lost = (number in cells_in(stage, "reached", "credit")) - (
                number in cells_in(following, "reached", "credit")
            )
            assert lost == (number in cells_in(stage, "churned", "credit")) + (
                number in cells_in(stage, "open", "credit")
            )


def test_churned_is_the_sum_of_its_categories() -> None:
    for stage in RUNGS:
        parts = [cells_in(stage, f"churned.{category}", "strict") for category in OUTCOMES[1:]]
        assert frozenset.union(*parts) == cells_in(stage, "churned", "strict")
        assert sum(map(len, parts)) == len(frozenset.union(*parts))


def test_a_win_is_decided_for_good_and_never_open() -> None:
    won_then_lost = cell_of(furthest="won", outcome="customer", cleaned=True, nurtured=True, opportunity=True)
    assert won_then_lost in cells_in("won", "decided", "credit") & cells_in("won", "reached", "credit")
    assert cells_in("won", "open", "credit") == frozenset()


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="no part"):
        cells_in("won", "lost", "credit")


def test_the_mask_has_the_stages_between_entry_and_win() -> None:
    assert tuple(RUNGS[1:4]) == MASKED


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), st.integers(-56, 56))  # noqa: DTZ001
def test_a_quarter_hour_holds_its_instant(naive: datetime, quarters: int) -> None:
    from datetime import timezone

    at = naive.replace(tzinfo=timezone(timedelta(minutes=15 * quarters)))
    bucket = quarter(at)
    assert bucket.tzinfo is UTC
    assert bucket <= at < bucket + timedelta(minutes=15)
    assert (bucket.minute % 15, bucket.second, bucket.microsecond) == (0, 0, 0)
    assert quarter(bucket) == bucket
