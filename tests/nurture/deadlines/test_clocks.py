"""Working out deadlines (PURE): in whatever steps a history becomes known, looking again changes nothing, and the end is the same."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.ids import new_id
from service.nurture.deadlines.calendars import WEEKDAYS
from service.nurture.deadlines.clocks import Clocks, Row, Subject, stays_of
from service.nurture.deadlines.present import state_of
from service.nurture.deadlines.rules import Band, Held, SlaRules, Weekday
from service.stats.question import SCORE_BANDS

DOCS = Path(__file__).parents[3] / "docs" / "deadlines.md"
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = SlaRules.model_validate(
    {
        "calendars": {"office": {"tz": "Europe/Berlin", "hours": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}}},
        "rules": [
            {"key": "hot", "stage": "nurtured", "what": "first_response", "allowed": 60, "score_gte": 50},
            {"key": "any", "stage": "nurtured", "what": "first_response", "allowed": "PT5H", "calendar": "office"},
            {"key": "first", "stage": "cleaned", "what": "first_response", "allowed": "PT2H"},
            {"key": "move", "stage": "cleaned", "what": "leave_stage", "allowed": "PT3H"},
        ],
    }
)
HELD = Held(RULES, 1, START - timedelta(days=30))
LEAD = {"id": new_id(), "owner": None, "score": 0}

# Hours between what happens: moves between two stages, and responses (None).
histories = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["cleaned", "nurtured", "cleaned", None])), min_size=1, max_size=12
)


def told(history: list[tuple[int, str | None]]) -> tuple[list[dict[str, Any]], list[datetime]]:
    """Return the ledger and the responses of a history."""
    now, ledger, responses = START, [], []
    for hours, stage in history:
        now += hours * HOUR
        if stage is None:
            responses.append(now)
        else:
            row = {"journey": 1, "channel": "web", "to_stage": stage, "occurred_at": now, "recorded_at": now}
            ledger.append(row)
    return ledger, responses


def look(
    rows: list[Row],
    history: list[tuple[int, str | None]],
    now: datetime,
    *,
    score: int = 0,
    passed: list[Any] | None = None,
) -> Clocks:
    """Look at a lead that has this history; adds to ``passed`` what is to be announced."""
    ledger, responses = told(history)
    subject = Subject(
        row=LEAD | {"score": score},
        stays=stays_of(ledger),
        responses=responses,
        entered=True,
        swept=False,
        is_of=lambda _: False,
    )
    clocks = Clocks(subject, HELD, now, rows)
    clocks.settle()
    announced = [row["id"] for row in clocks.pass_due()]
    if passed is not None:
        passed += announced
    return clocks


def end(history: list[tuple[int, str | None]]) -> datetime:
    """Return when the last thing of a history happened."""
    return START + sum(hours for hours, _ in history) * HOUR


def seen(rows: list[Row], at: datetime) -> set[tuple[Any, ...]]:
    """Return what a deadline comes down to, of all that count."""
    names = ("what", "stage", "started_at", "due_at", "rule", "ended_at", "ended_how", "worked_seconds")
    return {
        (*(row[name] for name in names), state_of(row, at=at))
        for row in rows
        if row["ended_how"] not in {"superseded", "withdrawn"}
    }


@settings(max_examples=150, deadline=None)
@given(histories)
def test_step_by_step_is_all_at_once(history: list[tuple[int, str | None]]) -> None:
    rows: list[Row] = []
    for known in range(1, len(history) + 1):
        rows = look(rows, history[:known], end(history[:known])).rows
    now = end(history)
    assert seen(rows, now) == seen(look([], history, now).rows, now)


@settings(max_examples=100, deadline=None)
@given(histories, st.integers(0, 30))
def test_looking_again_changes_nothing(history: list[tuple[int, str | None]], hours: int) -> None:
    now = end(history) + hours * HOUR
    clocks = look([], history, now)
    assert not look(clocks.rows, history, now).written


@settings(max_examples=100, deadline=None)
@given(histories, histories)
def test_what_is_taken_back_leaves_no_trace(
    history: list[tuple[int, str | None]], mistake: list[tuple[int, str | None]]
) -> None:
    now = end([*history, *mistake])
    rows = look([], [*history, *mistake], now).rows
    rows = look(rows, history, now).rows
    assert seen(rows, now) == seen(look([], history, now).rows, now)


@settings(max_examples=100, deadline=None)
@given(histories)
def test_each_is_told_of_once_and_only_when_it_has_passed(history: list[tuple[int, str | None]]) -> None:
    passed: list[Any] = []
    rows: list[Row] = []
    for known in range(1, len(history) + 1):
        rows = look(rows, history[:known], end(history[:known]), passed=passed).rows
        assert all(row["due_at"] <= row["overdue_at"] for row in rows if row["overdue_at"])
    assert len(passed) == len(set(passed))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99)), min_size=1, max_size=8))
def test_a_score_that_changes_never_asks_for_what_has_passed(steps: list[tuple[int, int]]) -> None:
    """Whatever the score does, one clock runs, and taking over from another makes nothing overdue that was not."""
    now, rows = START, list[Row]()
    for hours, score in steps:
        before = [row for row in rows if row["ended_how"] is None]
        late = any(row["due_at"] <= now + hours * HOUR for row in before)
        now += hours * HOUR
        clocks = look(rows, [(0, "nurtured")], now, score=score)
        (running,) = clocks.running
        assert late or not before or running["due_at"] > now
        rows = clocks.rows


def test_the_rules_of_the_documentation_are_rules() -> None:
    found = re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    rules = SlaRules.model_validate(json.loads(found[0]))
    assert [rule.key for rule in rules.rules] == ["hot", "fair", "any", "stuck"]
    start = datetime(2026, 9, 30, 9, 59, tzinfo=UTC)
    assert rules.calendar_of("shanghai").add(start, timedelta(minutes=2)) == datetime(2026, 10, 8, 1, 1, tzinfo=UTC)


def test_rules_know_the_bands_and_weekdays_that_there_are() -> None:
    assert get_args(Band) == tuple(name for _, name in SCORE_BANDS)
    assert get_args(Weekday) == WEEKDAYS
