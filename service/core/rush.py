"""A rush: deliveries are coming in, which must not wait. Who has much to work out keeps to one core until it is over, or rests often."""

from __future__ import annotations

import time
from typing import Final

_LASTS_SECONDS: Final = 2.0
_OVER_SECONDS: Final = 0.5
_HEAVY_SHARE: Final = 0.1
_MANY_A_SECOND: Final = 100


class Rush:
    """When this process last took deliveries in, and how much of a core it needs for that."""

    __slots__ = ("_deliveries", "_is_heavy", "_seen", "_since", "_worked")

    def __init__(self) -> None:
        self._seen = -_LASTS_SECONDS
        self._since = self._worked = 0.0
        self._deliveries = 0
        self._is_heavy = False

    def note(self, deliveries: int) -> None:
        """Say, from the loop, that so many deliveries came in just now."""
        now = time.monotonic()
        passed = now - self._since
        if passed >= _OVER_SECONDS:
            worked = time.thread_time()
            many = self._deliveries >= _MANY_A_SECOND * passed
            self._is_heavy = many and worked - self._worked >= _HEAVY_SHARE * passed
            self._since, self._worked, self._deliveries = now, worked, 0
        self._deliveries += deliveries
        self._seen = now

    @property
    def is_on(self) -> bool:
        """Whether any came in during the last two seconds."""
        return time.monotonic() - self._seen < _LASTS_SECONDS

    @property
    def is_heavy(self) -> bool:
        """Whether they are many, a hundred a second or more, and the loop is at work for a tenth of the time: the processor is short."""
        return self._is_heavy and self.is_on


RUSH: Final = Rush()
"""The one of this process."""
