"""The machine is what lifecycle.md says, and the table read off it is the machine."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest
from statemachine.exceptions import TransitionNotAllowed

from service.lifecycle.machine import MOVES, STARTING, STARTS_JOURNEY, Event, Lifecycle, NeedUnmet, diagram
from service.lifecycle.stages import Stage

# Written by hand from the product's own page: event, from, to, needs a reason.
PLAIN = """
acquire     -                                                       acquired
clean       acquired reactivated                                    cleaned
nurture     cleaned reactivated                                     nurtured
qualify     cleaned nurtured reactivated                            opportunity
recycle     opportunity                                             nurtured
win         opportunity                                             won
repurchase  won                                                     opportunity
churn       acquired cleaned nurtured opportunity won reactivated   churned
reactivate  churned                                                 reactivated
"""
SKIPS = """
nurture     acquired                                nurtured
qualify     acquired                                opportunity
win         acquired cleaned nurtured reactivated   won
"""


def _arrows(table: str) -> set[tuple[str | None, str, str]]:
    arrows = set()
    for line in table.strip().splitlines():
        event, *sources, target = line.split()
        arrows |= {(None if source == "-" else source, event, target) for source in sources}
    return arrows


def test_it_has_the_arrows_of_the_lifecycle_and_no_other():
    assert {(move.source, move.event, move.target) for move in MOVES.values() if not move.is_skip} == _arrows(PLAIN)
    assert {(move.source, move.event, move.target) for move in MOVES.values() if move.is_skip} == _arrows(SKIPS)


def test_a_reason_is_needed_to_churn_and_to_recycle_and_for_nothing_else():
    needing = {move.event for move in MOVES.values() if any(need.name == "reason" for need in move.needs)}
    assert needing == {Event.CHURN, Event.RECYCLE}


ATTEMPTS = [
    SimpleNamespace(has_identity=identity, verdict=verdict, erased=erased, reason=reason)
    for identity, verdict, erased, reason in product(
        (True, False), ("valid", "invalid"), (True, False), ("price", None)
    )
]


@pytest.mark.parametrize("stage", [None, *Stage])
@pytest.mark.parametrize("event", list(Event))
def test_real_machines_and_the_table_agree_in_every_situation(stage: Stage | None, event: Event):
    for attempt, allow_skip in product(ATTEMPTS, (True, False)):
        machine = Lifecycle(start_value=str(stage) if stage else None)
        try:
            machine.send(event, attempt=attempt, allow_skip=allow_skip)
            happened: str | None = machine.current_state_value
        except (TransitionNotAllowed, NeedUnmet):
            happened = None
        move = MOVES.get((stage, event))
        legal = move is not None and (allow_skip or not move.is_skip) and all(need.met(attempt) for need in move.needs)
        assert happened == (str(move.target) if legal and move else None)


def test_the_diagram_shows_every_stage_and_every_arrow():
    drawn = diagram()
    for move in MOVES.values():
        line = f"{move.source or 'nothing'} --> {move.target} : {move.event.capitalize()}"
        assert line + (" [skip]" if move.is_skip else "") + "\n" in drawn


def test_two_stages_tell_the_moves_that_start_a_journey():
    assert {(None, Stage.ACQUIRED), (Stage.CHURNED, Stage.REACTIVATED), (Stage.WON, Stage.OPPORTUNITY)} == STARTING
    others = {(move.source, move.target) for move in MOVES.values() if move.event not in STARTS_JOURNEY}
    assert not STARTING & others
