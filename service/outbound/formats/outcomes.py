"""What answers mean, by their status alone."""

from __future__ import annotations

from typing import Final

from service.outbound.formats.contract import Outcome
from service.outbound.sending.answers import Answer

_GONE: Final = 410
_SLOW_DOWN: Final = frozenset({429, 502, 503, 504})


def outcome_of(answer: Answer) -> Outcome:
    """Return what Standard Webhooks says: only 2xx is success, 410 wants no more, 429 and the gateways' errors want less.

    All else is tried again, a redirect too: the receiver may be mended.
    """
    if answer.ok:
        return Outcome("delivered")
    if answer.error is not None or answer.status is None:
        return Outcome("retry", answer.error or "disconnected", wait=answer.retry_after)
    code = f"http_{answer.status}"
    if answer.status == _GONE:
        return Outcome("disable", code)
    return Outcome("retry", code, slow_down=answer.status in _SLOW_DOWN, wait=answer.retry_after)
