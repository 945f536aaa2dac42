"""Parameters: every wrong one is refused by its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.core.errors import Invalid
from service.stats.asking import behind_of, parse_duration, question_of
from service.stats.definitions import BEGINNING, END
from service.stats.drilldown import behind_figure
from service.stats.question import Addresses, Filter, duration
from service.stats.schemas.funnel import FunnelQuery

NOW = datetime(2026, 11, 21, 12, 3, tzinfo=UTC)


def question(mode: Any = "cohort", **parameters: Any) -> Any:
    return question_of(FunnelQuery.model_validate(parameters), mode=mode, now=NOW)


def pointer(fault: pytest.ExceptionInfo[Invalid]) -> str:
    return fault.value.extra["errors"][0]["pointer"]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"tz": "Mars/Olympus"}, "?tz"),
        ({"tz": ""}, "?tz"),
        ({"tz": "../../etc/passwd"}, "?tz"),
        ({"tz": "Europe"}, "?tz"),
        ({"tz": "Europe/\x00"}, "?tz"),
        ({"from": "yesterday"}, "?from"),
        ({"from": ""}, "?from"),
        ({"from": "2026-02-30"}, "?from"),
        ({"from": "2026-01-01T10:00:00"}, "?from"),
        ({"from": "2026-01-01T25:00:00Z"}, "?from"),
        ({"from": "0001-01-01"}, "?from"),
        ({"to": "9999-12-31T23:59:59-23:59"}, "?to"),
        ({"from": "2026-W01-1"}, "?from"),
        ({"from": "20260101"}, "?from"),
        ({"from": "２０２６-01-01"}, "?from"),
        ({"from": "2026-01-02", "to": "2026-01-02"}, "?to"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "?to"),
        ({"from": "2030-01-01"}, "?from"),
        ({"window": "30"}, "?window"),
        ({"window": "P"}, "?window"),
        ({"window": "PT"}, "?window"),
        ({"window": "P1DT"}, "?window"),
        ({"window": "P1M"}, "?window"),
        ({"window": "P1Y"}, "?window"),
        ({"window": "-P1D"}, "?window"),
        ({"window": "P99999D"}, "?window"),
        ({"known_at": "now"}, "?known_at"),
        ({"group_by": ["mood"]}, "?group_by"),
        ({"group_by": [""]}, "?group_by"),
        ({"group_by": ["channel", "channel"]}, "?group_by"),
        ({"group_by": ["channel,campaign,country,region"]}, "?group_by"),
        ({"channel": ["a\x00"]}, "?channel"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid) as fault:
        question(**parameters)
    assert pointer(fault) == named


def test_a_window_belongs_to_cohorts() -> None:
    with pytest.raises(Invalid) as fault:
        question("period", window="P30D")
    assert pointer(fault) == "?window"


def test_dates_start_in_their_time_zone() -> None:
    asked = question(**{"from": "2026-03-29", "to": "2026-03-30", "tz": "Europe/Berlin"})
    assert asked.start == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert asked.end == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert question(**{"from": "2026-03-29T01:30:00+05:45"}).start == datetime(2026, 3, 28, 19, 45, tzinfo=UTC)


def test_without_an_end_everything_so_far_is_meant() -> None:
    asked = question()
    assert (asked.low, asked.high, asked.start) == (BEGINNING, END, None)
    assert asked.end == datetime(2026, 11, 21, 12, 15, tzinfo=UTC)
    assert asked.end > NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("given", "span"),
    [
        ("P30D", timedelta(30)),
        ("P2W", timedelta(14)),
        ("PT36H", timedelta(1.5)),
        ("P1DT1H1M1S", timedelta(1, 3661)),
        ("PT0S", timedelta(0)),
    ],
)
def test_durations(given: str, span: timedelta) -> None:
    assert parse_duration(given) == span
    assert parse_duration(duration(span)) == span


def test_filters_keep_missing_apart_from_unknown() -> None:
    asked = question(channel=["web", "web", "unknown"], missing=["channel", "industry"])
    assert asked.filters == (Filter("channel", ("web", "unknown"), missing=True), Filter("industry", (), missing=True))


def test_an_address_narrows_the_filters_to_its_group() -> None:
    asked = question(
        channel=["a & b", "c"],
        country=["DE"],
        group_by=["channel", "campaign"],
        unit="lead",
        skips="strict",
        window="PT36H",
    )
    address = Addresses.of(asked, ("a & b", None), behind="funnel").between(None, asked.end).at("won", "reached")
    assert address == (
        "/v1/leads?behind=funnel&unit=lead&skips=strict&window=PT129600S&country=DE&channel=a%20%26%20b&missing=campaign"
        "&to=2026-11-21T12:15:00Z&stage=won&part=reached"
    )


def test_only_what_the_rollup_knows_is_rolled_up() -> None:
    cuts = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    assert question(group_by=["channel", "entry_stage"], unit="lead").is_rolled_up(*cuts)
    assert not question().is_rolled_up(cuts[0], cuts[1] + timedelta(seconds=1))
    assert not question(group_by=["country"]).is_rolled_up(*cuts)
    assert not question(window="P1D").is_rolled_up(*cuts)
    assert not question(known_at="2026-01-01").is_rolled_up(*cuts)
    assert question("period", channel=["web"]).is_rolled_up(*cuts)
    assert not question("period", entry_stage=["acquired"]).is_rolled_up(*cuts)
    assert not question("period", unit="lead").is_rolled_up(*cuts)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"behind": "curtain", "stage": "won"}, "?behind"),
        ({"behind": "funnel"}, "?stage"),
        ({"behind": "funnel", "stage": "churned"}, "?stage"),
        ({"behind": "funnel", "stage": "won", "part": "in"}, "?part"),
        ({"behind": "funnel", "stage": "won", "part": "churned.spam"}, "?part"),
        ({"behind": "period", "stage": "won", "part": "reached"}, "?part"),
        ({"behind": "trend", "stage": "won", "part": "out"}, "?part"),
        ({"behind": "trend", "stage": "won", "window": "P1D"}, "?window"),
        ({"behind": "funnel", "stage": "won", "mood": "good"}, "?mood"),
        ({"behind": "funnel", "stage": "won", "missing": "mood"}, "?missing"),
        ({"behind": "funnel", "stage": "won", "unit": "person"}, "?unit"),
    ],
)
def test_a_wrong_address_is_named(query: dict[str, str], named: str) -> None:
    with pytest.raises(Invalid) as fault:
        behind_figure(list(query.items()), now=NOW)
    assert pointer(fault) == named


def test_a_parameter_is_not_given_twice() -> None:
    with pytest.raises(Invalid) as fault:
        behind_of([("behind", "funnel"), ("stage", "won"), ("stage", "cleaned")])
    assert pointer(fault) == "?stage"
    assert behind_of([("behind", "funnel"), ("stage", "won"), ("channel", "a"), ("channel", "b")]).channel == ["a", "b"]
