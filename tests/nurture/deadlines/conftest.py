"""A clock that can be moved on, in every module that reads it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from service.core import clock


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], datetime]:
    """Move the clock on, which goes on from there; returns what it shows then."""
    gone = [timedelta()]

    def now() -> datetime:
        return datetime.now(UTC) + gone[0]

    readers = [module for module in [*sys.modules.values()] if getattr(module, "now", None) is clock.now]
    for module in readers:
        monkeypatch.setattr(module, "now", now)

    def move(span: timedelta) -> datetime:
        gone[0] += span
        return now()

    return move
