"""A rush: deliveries are coming in, which must not wait. Who has much to work out keeps to one core until it is over, or rests often."""

from __future__ import annotations

import time
from typing import Final

_LASTS_SECONDS: Final = 2.0
_OVER_SECONDS: Final = 0.5
_HEAVY_SHARE: Final = 0.1


class Rush:
    """When this process last took deliveries in, and how much of a core it needs for that."""

    __slots__ = ("_busy", "_seen", "_since", "_worked")

    def __init__(self) -> None:
        self._seen = -_LASTS_SECONDS
        self._since = self._worked = self._busy = 0.0

    def note(self) -> None:
        """Say, from the loop, that deliveries came in just now."""
        now = time.monotonic()
        passed = now - self._since
        if passed >= _OVER_SECONDS:
            worked = time.thread_time()
            # After a while without any, what the loop did meanwhile was something else.
            self._busy = (worked - self._worked) / passed if passed < _LASTS_SECONDS else 0.0
            self._since, self._worked = now, worked
        self._seen = now

    @property
    def is_on(self) -> bool:
        """Whether any came in during the last two seconds."""
        return time.monotonic() - self._seen < _LASTS_SECONDS

    @property
    def is_heavy(self) -> bool:
        """Whether there are so many of them that the loop is at work for a tenth of the time: the processor is short."""
        return self._busy >= _HEAVY_SHARE and self.is_on


RUSH: Final = Rush()
"""The one of this process."""
