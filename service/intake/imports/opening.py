"""The gate between the pieces of an import, as those see it who write them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Opened = Callable[[], Awaitable[None]]
"""To be called when everything that is to be changed is locked: from then on the next piece may come after."""
