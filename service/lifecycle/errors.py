"""What the lifecycle refuses, and why.

::

    LifecycleError
    ├── TransitionRefused       the event is not legal now, or a need is unmet: says what is
    ├── OccurredOutOfOrder      it would have happened before the last recorded transition: a correction
    ├── OccurredInFuture        it claims a time more than five minutes ahead
    ├── UnknownReason           the reason code is not in the catalogue
    └── LedgerInvalid           a corrected ledger breaks a rule: names the step
"""

from __future__ import annotations

from typing import Any


class LifecycleError(Exception):
    """Something the lifecycle does not allow."""

    code = "lifecycle_error"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class TransitionRefused(LifecycleError):
    """The event cannot happen to the lead as it stands."""

    code = "transition_refused"


class OccurredOutOfOrder(LifecycleError):
    """The transition happened before one that is already recorded."""

    code = "occurred_out_of_order"


class OccurredInFuture(LifecycleError):
    """The transition has not happened yet."""

    code = "occurred_in_future"


class UnknownReason(LifecycleError):
    """The reason code is in no catalogue."""

    code = "unknown_reason"


class LedgerInvalid(LifecycleError):
    """The corrected ledger is not one the machine accepts."""

    code = "ledger_invalid"
