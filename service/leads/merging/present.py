"""Merges as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from service.leads.merging.facts import name_of
from service.leads.present import money

Row = Mapping[str, Any]

_MERGE: Final = ("id", "duplicate_id", "actor", "automatic", "why", "moved", "recorded_at", "undone_at", "undone_by")
_ASIDE: Final = (
    "source",
    "merge_id",
    "event",
    "from_stage",
    "to_stage",
    "reason",
    "category",
    "note",
    "currency",
    "channel",
    "campaign",
    "actor",
    "occurred_at",
    "recorded_at",
    "why",
    "stage",
)


def merge_out(row: Row, set_aside: Iterable[Row]) -> dict[str, Any]:
    """Return a merge, with the steps of both ledgers that it set aside."""
    changes = row["before"].get("changes", ())
    return {
        "survivor_id": row["lead_id"],
        **{name: row[name] for name in _MERGE},
        "changed": sorted({name_of(tuple(change["path"])) for change in changes}),
        "set_aside": [set_aside_out(one, row["lead_id"]) for one in set_aside],
    }


def set_aside_out(row: Row, lead_id: UUID) -> dict[str, Any]:
    """Return a step that has no place in a lead's ledger: which lead's it is, why it is not there, and what it said."""
    return {name: row[name] for name in _ASIDE} | {
        "lead_id": row["origin"] or lead_id,
        "amount": money(row["amount"]),
    }
