"""Deadlines as the API, the events and the timeline show them (PURE)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from service.nurture.deadlines.clocks import LEFT, MET, SUPERSEDED, UNMEASURED, WITHDRAWN

_TOLD: Final = ("id", "stage", "rule", "version", "started_at", "due_at")
_SHOWN: Final = (
    *("id", "lead_id", "what", "stage", "journey", "rule", "version", "calendar", "channel", "score_band"),
    *("owner_at_start", "owner", "started_at", "counted_from", "due_at", "overdue_at", "ended_at", "ended_how"),
    "worked_seconds",
)


def deadline_told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deadline as events show it."""
    return {"kind": row["what"], **{name: row[name] for name in _TOLD}}


def deadline_out(row: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """Return a deadline as the API shows it; ``at`` is the instant by which it is overdue or not."""
    return {name: row[name] for name in _SHOWN} | {"state": state_of(row, at=at)}


def state_of(row: Mapping[str, Any], *, at: datetime) -> str:
    """Return what has become of a deadline at an instant."""
    match row["ended_how"]:
        case None:
            return "overdue" if row["due_at"] <= at else "open"
        case how if how in {MET, LEFT}:
            return "in_time" if row["ended_at"] <= row["due_at"] else "late"
    return str(row["ended_how"])


def timeline_items(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what happened with a deadline: it began, it passed, it ended; nothing of one that was never measured."""
    if row["ended_how"] == UNMEASURED:
        return []
    told = deadline_told(row)
    items = [_item("began", told, row["counted_from"], row["created_at"])]
    if row["overdue_at"] is not None:
        items.append(_item("passed", told, row["due_at"], row["overdue_at"]))
    if row["ended_at"] is not None:
        how = row["ended_how"]
        late = how in {MET, LEFT} and row["ended_at"] > row["due_at"]
        recorded = row["ended_at"] if how in {SUPERSEDED, WITHDRAWN} else row["updated_at"]
        items.append(_item("ended", told | {"ended_how": how, "late": late}, row["ended_at"], recorded))
    return items


def _item(happened: str, told: Mapping[str, Any], at: datetime, recorded: datetime) -> dict[str, Any]:
    return {"kind": "deadline", "occurred_at": at, "recorded_at": recorded, "data": {"happened": happened, **told}}
