"""March 2026, day by day: what corrections are tried on."""

from __future__ import annotations

MARCH = "2026-03-{:02}T08:00:00Z"


def on(day: int) -> str:
    return MARCH.format(day)


def step(event: str, day: int, **body: object) -> dict[str, object]:
    return {"event": event, "occurred_at": on(day), **body}
