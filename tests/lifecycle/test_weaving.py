"""Weaving two ledgers: hand-made pairs, and what holds for any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from service.lifecycle.ledger import Step, replay
from service.lifecycle.machine import MOVES, Event
from service.lifecycle.reasons import CATALOGUE
from service.lifecycle.stages import Stage
from service.lifecycle.weaving import Piece, weave

DAY = datetime(2026, 3, 1, tzinfo=UTC)
REASONS = ("price", "contract_ended", "inactive", "spam", "duplicate")
ANNA, ANNI = UUID(int=1), UUID(int=2)


def strand(lead: UUID, *told: tuple[float, str], is_own: bool = True) -> list[Piece]:
    """A lead's ledger: (day, event or event:reason)."""
    pieces: list[Piece] = []
    stage: Stage | None = None
    for number, (day, what) in enumerate(told):
        event, _, reason = what.partition(":")
        reason = reason or ("price" if event in {"churn", "recycle"} else "")
        pieces.append(
            Piece(
                step=Step(
                    event=Event(event),
                    occurred_at=DAY + timedelta(days=day),
                    reason=reason or None,
                    category=CATALOGUE[reason] if reason else None,
                    allow_skip=True,
                ),
                source=uuid5(lead, str(number)),
                origin=lead,
                among=frozenset({lead}),
                from_stage=stage,
                channel=f"channel-{lead.int}",
                is_own=is_own,
            )
        )
        stage = MOVES[stage, Event(event)].target
    return pieces


def told(*strands: list[Piece]) -> list[str]:
    return [f"{kept.piece.origin.int}:{kept.step.event}" for kept in weave(strands).kept]


def aside(*strands: list[Piece]) -> list[str]:
    return [f"{one.piece.origin.int}:{one.piece.step.event} {one.why}" for one in weave(strands).set_aside]


def test_what_one_knew_before_the_other_comes_first() -> None:
    anna = strand(ANNA, (2, "acquire"), (3, "clean"), (6, "qualify"))
    anni = strand(ANNI, (1, "acquire"), (4, "nurture"), (7, "win"), is_own=False)
    assert told(anna, anni) == ["2:acquire", "1:clean", "2:nurture", "1:qualify", "2:win"]
    assert aside(anna, anni) == ["1:acquire repeated"]


def test_whoever_came_as_new_after_a_churn_came_back() -> None:
    anna = strand(ANNA, (1, "acquire"), (2, "churn"))
    anni = strand(ANNI, (3, "acquire"), (4, "clean"), is_own=False)
    woven = weave([anna, anni])
    assert [kept.step.event for kept in woven.kept] == ["acquire", "churn", "reactivate", "clean"]
    assert woven.kept[2].step.channel == "channel-2"


def test_whoever_qualified_after_a_win_buys_again() -> None:
    anna = strand(ANNA, (1, "acquire"), (2, "win"))
    anni = strand(ANNI, (3, "acquire"), (4, "qualify"), (5, "win"), is_own=False)
    woven = weave([anna, anni])
    assert [kept.step.event for kept in woven.kept] == ["acquire", "win", "repurchase", "win"]
    assert woven.kept[2].step.channel == "channel-2"


def test_a_duplicate_that_was_closed_as_one_closes_nothing() -> None:
    anna = strand(ANNA, (1, "acquire"), (2, "clean"), (3, "nurture"))
    anni = strand(ANNI, (2, "acquire"), (4, "churn:duplicate"), is_own=False)
    assert told(anna, anni) == ["1:acquire", "1:clean", "1:nurture"]
    assert aside(anna, anni) == ["2:acquire repeated", "2:churn of_one_record"]


def test_a_survivor_that_was_closed_as_the_duplicate_stays_open() -> None:
    anna = strand(ANNA, (1, "acquire"), (5, "churn:duplicate"))
    anni = strand(ANNI, (2, "acquire"), is_own=False)
    assert told(anna, anni) == ["1:acquire"]


def test_two_that_are_spam_are_spam() -> None:
    anna = strand(ANNA, (1, "acquire"), (5, "churn:spam"))
    anni = strand(ANNI, (2, "acquire"), (3, "churn:spam"), is_own=False)
    assert told(anna, anni) == ["1:acquire", "2:churn"]


def test_spam_and_a_lost_chance_do_not_end_a_won_journey() -> None:
    anna = strand(ANNA, (1, "acquire"), (2, "win"))
    for reason in ("spam", "price", "unresponsive"):
        anni = strand(ANNI, (3, "acquire"), (4, f"churn:{reason}"), is_own=False)
        assert told(anna, anni) == ["1:acquire", "1:win"]


def test_a_customer_who_left_left() -> None:
    anna = strand(ANNA, (1, "acquire"), (2, "win"))
    anni = strand(ANNI, (0, "acquire"), (1, "win"), (4, "churn:contract_ended"), is_own=False)
    assert told(anna, anni)[-1] == "2:churn"


def test_a_win_is_given_up_for_nothing() -> None:
    anna = strand(ANNA, (1, "acquire"), (5, "win"))
    anni = strand(ANNI, (2, "acquire"), (3, "churn"), (4, "reactivate"), (6, "clean"), (7, "nurture"), is_own=False)
    assert "1:win" in told(anna, anni)


def test_of_two_as_good_the_survivors_own_stays() -> None:
    anna = strand(ANNA, (1, "acquire"), (3, "win"))
    anni = strand(ANNI, (2, "acquire"), (4, "win"), is_own=False)
    assert told(anna, anni) == ["1:acquire", "1:win"]
    assert aside(anna, anni)[-1] == "2:win repeated"


@st.composite
def ledgers(
    draw: st.DrawFn, lead: UUID = ANNA, *, is_own: bool = True, longest: int = 12, reasons: tuple[str, ...] = REASONS
) -> list[Piece]:
    """Any legal ledger; its times are whole days, often the same one."""
    stage: Stage | None = None
    day, steps = draw(st.integers(0, 5)), list[tuple[float, str]]()
    for _ in range(draw(st.integers(1, longest))):
        event = draw(st.sampled_from([str(event) for (source, event) in MOVES if source == stage]))
        steps.append((day, event + draw_reason(draw, event, reasons)))
        stage = MOVES[stage, Event(event)].target
        day += draw(st.integers(0, 3))
    return strand(lead, *steps, is_own=is_own)


def draw_reason(draw: st.DrawFn, event: str, reasons: tuple[str, ...]) -> str:
    return ":" + draw(st.sampled_from(reasons)) if event in {"churn", "recycle"} else ""


@given(ledgers())
def test_one_legal_ledger_comes_out_unchanged(one: list[Piece]) -> None:
    woven = weave([one])
    assert [kept.piece for kept in woven.kept] == one
    assert [kept.step.event for kept in woven.kept] == [piece.step.event for piece in one]
    assert woven.set_aside == []


@given(ledgers(), ledgers(ANNI, is_own=False))
def test_what_is_woven_is_legal_in_order_and_whole(one: list[Piece], other: list[Piece]) -> None:
    woven = weave([one, other])
    replay([kept.step for kept in woven.kept], now=DAY + timedelta(days=1000))
    together = [kept.piece for kept in woven.kept] + [left.piece for left in woven.set_aside]
    assert sorted(piece.source for piece in together) == sorted(piece.source for piece in one + other)
    for own in (one, other):
        assert [kept.piece for kept in woven.kept if kept.piece in own] == [
            piece for piece in own if piece in [kept.piece for kept in woven.kept]
        ]


@given(ledgers(), ledgers(ANNI, is_own=False))
def test_no_ledger_has_more_wins_alone_than_woven(one: list[Piece], other: list[Piece]) -> None:
    wins = sum(kept.step.event == Event.WIN for kept in weave([one, other]).kept)
    assert wins >= max(sum(piece.step.event == Event.WIN for piece in own) for own in (one, other))


@settings(max_examples=60, deadline=None)
@given(ledgers(longest=5, reasons=REASONS[:3]), ledgers(ANNI, is_own=False, longest=5, reasons=REASONS[:3]))
def test_no_other_choice_keeps_more(one: list[Piece], other: list[Piece]) -> None:
    """Against every way to leave steps out, tried one by one."""
    pieces = sorted([*one, *other], key=lambda piece: (piece.at, not piece.is_own))
    best = (0, 0)
    for size in range(len(pieces) + 1):
        for chosen in combinations(pieces, size):
            woven = weave([list(chosen)])
            if not woven.set_aside:
                best = max(best, (sum(kept.step.event == Event.WIN for kept in woven.kept), size))
    kept = weave([one, other]).kept
    assert (sum(one.step.event == Event.WIN for one in kept), len(kept)) == best
