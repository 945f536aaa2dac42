"""The rules of the ledger: time, skips, journeys, refusals, replay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.lifecycle.errors import (
    LedgerInvalid,
    LifecycleError,
    OccurredInFuture,
    OccurredOutOfOrder,
    TransitionRefused,
)
from service.lifecycle.ledger import Life, Step, advance, allowed, replay
from service.lifecycle.machine import Event
from service.lifecycle.stages import FUNNEL

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def step(event: str, hours: float = 0, **rest: object) -> Step:
    if event in {"churn", "recycle"}:
        rest = {"reason": "price", "category": "lost"} | rest
    return Step(event=Event(event), occurred_at=NOW - timedelta(days=100) + timedelta(hours=hours), **rest)  # type: ignore[arg-type]


def test_a_skip_is_recorded_and_never_invented():
    replayed = replay([step("acquire"), step("win", 1, allow_skip=True)], now=NOW)
    assert replayed.transitions[-1].skipped == ("cleaned", "nurtured", "opportunity")
    journey = replayed.journeys[0]
    assert (journey.cleaned_at, journey.nurtured_at, journey.opportunity_at) == (None, None, None)
    assert journey.won_at == replayed.life.stage_entered_at


def test_a_skip_that_nobody_allowed_is_refused_and_says_how():
    with pytest.raises(TransitionRefused, match="unless allow_skip is true") as refused:
        replay_one(["acquire"], step("win", 1))
    assert refused.value.extra["allowed"] == ["clean", "churn"]
    assert refused.value.extra["allowed_with_skip"] == ["nurture", "qualify", "win"]


def replay_one(events: list[str], last: Step) -> None:
    life = replay([step(event, hours) for hours, event in enumerate(events)], now=NOW).life
    before = life.copy()
    try:
        advance(life, last, now=NOW)
    except LifecycleError:
        assert life == before
        raise


def test_a_need_that_is_unmet_is_named():
    with pytest.raises(TransitionRefused) as refused:
        replay_one(["acquire"], step("churn", 1, reason=None))
    assert [need["need"] for need in refused.value.extra["missing"]] == ["reason"]


def test_an_invalid_lead_cannot_be_cleaned():
    life = Life(verdict="invalid")
    advance(life, step("acquire"), now=NOW)
    with pytest.raises(TransitionRefused) as refused:
        advance(life, step("clean", 1), now=NOW)
    assert refused.value.extra["missing"][0]["need"] == "usable_contact"
    assert next(option for option in allowed(life) if option["event"] == "clean")["missing"] == ["usable_contact"]


def test_time_never_goes_backwards():
    with pytest.raises(OccurredOutOfOrder, match="would come before the lead's last transition"):
        replay_one(["acquire"], step("clean", -1))


def test_two_transitions_may_happen_at_the_same_instant():
    assert replay([step("acquire"), step("clean")], now=NOW).life.stage == "cleaned"


def test_the_future_begins_after_five_minutes():
    life = Life()
    with pytest.raises(OccurredInFuture):
        advance(life, Step(event=Event.ACQUIRE, occurred_at=NOW + timedelta(minutes=5, microseconds=1)), now=NOW)
    advance(life, Step(event=Event.ACQUIRE, occurred_at=NOW + timedelta(minutes=5)), now=NOW)
    assert advance(life, Step(event=Event.CLEAN), now=NOW).occurred_at == NOW + timedelta(minutes=5)


def test_repurchase_and_reactivation_start_journeys_of_their_own():
    events = ["acquire", "clean", "qualify", "win", "repurchase", "win", "churn", "reactivate", "clean"]
    replayed = replay([step(event, hours) for hours, event in enumerate(events)], now=NOW)
    entries = [
        (journey.entry_stage, journey.furthest_stage, journey.outcome, journey.stage) for journey in replayed.journeys
    ]
    assert entries == [
        ("acquired", "won", "open", "won"),
        ("opportunity", "won", "lost", "churned"),
        ("reactivated", "cleaned", "open", "cleaned"),
    ]
    assert replayed.life.furthest_stage == "won"
    assert replayed.life.stage == "cleaned"


def test_milestones_are_first_entries():
    events = ["acquire", "clean", "nurture", "qualify", "recycle", "qualify"]
    journey = replay([step(event, hours) for hours, event in enumerate(events)], now=NOW).journeys[0]
    assert journey.nurtured_at == step("nurture", 2).occurred_at
    assert journey.opportunity_at == step("qualify", 3).occurred_at
    assert journey.furthest_stage == "opportunity"


def test_the_last_amount_is_the_journeys():
    money = {"amount": Decimal(10), "currency": "EUR"}
    replayed = replay([step("acquire"), step("win", 1, allow_skip=True, **money)], now=NOW)
    assert (replayed.journeys[0].amount, replayed.journeys[0].currency) == (Decimal(10), "EUR")


def test_an_illegal_ledger_names_its_step():
    with pytest.raises(LedgerInvalid, match="step 3: win is not possible while the lead is churned") as invalid:
        replay([step("acquire"), step("churn"), step("win")], now=NOW)
    assert invalid.value.extra["errors"][0]["pointer"] == "/transitions/2"


@given(st.lists(st.tuples(st.sampled_from(list(Event)), st.booleans(), st.integers(0, 48)), max_size=30))
def test_whatever_is_asked_of_it_a_life_stays_legal(wishes: list[tuple[Event, bool, int]]):
    life, taken, hours = Life(), [], 0
    for event, allow_skip, later in wishes:
        hours += later
        wish = step(event, hours, allow_skip=allow_skip)
        legal = {option["event"] for option in allowed(life) if allow_skip or not option["requires_skip"]}
        before = life.copy()
        try:
            transition = advance(life, wish, now=NOW)
        except LifecycleError:
            assert life == before
            assert event not in legal
            continue
        assert event in legal
        taken.append(transition)
    assert [transition.sequence for transition in taken] == list(range(1, len(taken) + 1))
    replayed = replay([transition.step for transition in taken], now=NOW)
    assert replayed.life == life
    assert replayed.transitions == taken
    assert [journey.number for journey in replayed.journeys] == list(range(1, len(replayed.journeys) + 1))
    for journey in replayed.journeys:
        times = [getattr(journey, f"{stage}_at") for stage in FUNNEL[1:]]
        assert all(at >= journey.started_at for at in times if at is not None)
