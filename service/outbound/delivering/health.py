"""How an endpoint is (PURE): when it is left alone, when it is probed, how many requests it takes at once, when it is given up.

::

                 5 new events in a row fail, or it asks for a pause
    healthy ────────────────────────────────────────────────────────► paused
       ▲                                                                │ one message at a time, after 5, 10, 20 … 300 seconds,
       └──────────────────────── a probe succeeds ──────────────────────┘ or when it said

While it is paused, new events wait in the outbox and cost nothing. Only first tries count: a message that no endpoint could take is tried ten
times, and that says nothing about the others.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from service.outbound.delivering.schedule import heeded

OPEN_AFTER: Final = 5
GIVEN_UP_AFTER: Final = timedelta(days=5)
_FIRST_PAUSE: Final = timedelta(seconds=5)
_FIRST_REST: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(minutes=5)


@dataclass(slots=True)
class Health:
    """What is remembered of an endpoint's answers; all but ``allowed`` is kept in the database.

    ``allowed`` is how many requests may be under way at once: halved by every answer that asks to slow down, and slowly raised again.
    """

    concurrency: int
    failing_since: datetime | None = None
    failures: int = 0
    probes: int = 0
    resume_at: datetime | None = None
    last_success_at: datetime | None = None
    allowed: float = 0.0

    def __post_init__(self) -> None:
        self.allowed = float(self.concurrency)

    @property
    def paused(self) -> bool:
        """Return whether only probes are sent."""
        return self.probes > 0

    @property
    def limit(self) -> int:
        """Return how many requests may be under way at once."""
        return 1 if self.paused else max(int(self.allowed), 1)

    def may_probe(self, now: datetime) -> bool:
        """Return whether a paused endpoint is to be probed now."""
        return self.paused and (self.resume_at is None or now >= self.resume_at)

    def succeeded(self, now: datetime, *, probe: bool) -> bool:
        """Remember a success; returns whether it ends a pause. What was sent before the pause does not end it."""
        self.failing_since, self.failures, self.last_success_at = None, 0, now
        self.allowed = min(self.allowed + 1.0 / self.allowed, float(self.concurrency))
        if not (probe and self.paused):
            return False
        self.probes, self.resume_at = 0, None
        return True

    def failed(self, now: datetime, *, first: bool, probe: bool, slow: bool = False, wait: float | None = None) -> None:
        """Remember a failure; ``first``: it was the message's first try; ``slow`` and ``wait``: what the endpoint asks for."""
        self.failing_since = self.failing_since or now
        self.failures += first
        slow = slow or wait is not None
        if slow:
            self.allowed = max(self.allowed / 2, 1.0)
        if probe or (not self.paused and (slow or self.failures >= OPEN_AFTER)):
            self.probes += 1
            pause = (_FIRST_REST if slow else _FIRST_PAUSE) * 2 ** min(self.probes - 1, 16)
            self.resume_at = now + max(min(pause, _LONGEST_PAUSE) * _scattered(), heeded(wait))
        elif wait is not None and self.resume_at is not None:
            self.resume_at = max(self.resume_at, now + heeded(wait))

    def is_given_up(self, now: datetime) -> bool:
        """Return whether there was nothing but failures for so long that it is to be switched off."""
        return self.failing_since is not None and now - self.failing_since >= GIVEN_UP_AFTER


def _scattered() -> float:
    return random.uniform(0.9, 1.1)  # noqa: S311 - spreads the probes, no secret
