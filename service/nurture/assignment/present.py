"""Assignments as the API and the events show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Row = Mapping[str, Any]

_SHOWN: Final = (
    "id",
    "lead_id",
    "owner",
    "team",
    "rule",
    "version",
    "method",
    "why",
    "status",
    "reason",
    "note",
    "journey",
    "offered_at",
    "accept_by",
    "accepted_at",
    "decided_at",
    "ended_at",
    "actor",
    "ended_by",
)
_TOLD: Final = ("id", "team", "rule", "version", "status", "reason", "offered_at", "accept_by")


def assignment_out(row: Row) -> dict[str, Any]:
    """Return an assignment as the API shows it."""
    return {name: row[name] for name in _SHOWN}


def assignment_told(row: Row, *, owner: str | None) -> dict[str, Any]:
    """Return an assignment as events tell of it: whose the lead is now, and nothing that people wrote."""
    return {name: row[name] for name in _TOLD} | {"owner": owner, "why": {"method": row["method"], **row["why"]}}
