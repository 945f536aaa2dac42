from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.core.retry_after import seconds_asked

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 40, 999_999_999.0),
        ("Sun, 22 Nov 2026 12:05:00 GMT", 300.0),
        ("Sun, 22 Nov 2026 14:05:00 +0200", 300.0),
        ("Sun, 22 Nov 2026 12:05:00 -0000", 300.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("Sun, 99 Nov 2026 11:00:00 GMT", None),
    ],
)
def test_it_reads_seconds_and_dates(given: str | None, seconds: float | None) -> None:
    assert seconds_asked(given, NOW) == seconds


@given(
    st.text(max_size=60)
    | st.from_regex(
        r"[A-Z][a-z]{2}, [0-9]{1,12} [A-Z][a-z]{2} [0-9]{1,9} [0-9]{1,6}:[0-9]{1,4}:[0-9]{1,4} [+-][0-9]{1,12}"
    )
)
@example("Sun, 22 Nov 0001 12:05:00 +9999")
def test_it_never_fails(text: str) -> None:
    seconds = seconds_asked(text, NOW)
    assert seconds is None or seconds >= 0
