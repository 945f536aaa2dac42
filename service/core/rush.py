"""A rush: deliveries are coming in, which must not wait. Who has much to work out keeps to one core until it is over."""

from __future__ import annotations

import time
from typing import Final

_LASTS_SECONDS: Final = 2.0


class Rush:
    """When this process last took deliveries in."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen = -_LASTS_SECONDS

    def note(self) -> None:
        """Say that deliveries came in just now."""
        self._seen = time.monotonic()

    @property
    def is_on(self) -> bool:
        """Whether any came in during the last two seconds."""
        return time.monotonic() - self._seen < _LASTS_SECONDS


RUSH: Final = Rush()
"""The one of this process."""
