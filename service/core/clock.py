"""The one clock."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return this instant, UTC, with microseconds; read it once per operation and pass it on."""
    return datetime.now(UTC)
