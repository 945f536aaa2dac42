"""What policies did, as the API shows it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.nurture.policies import store

_FIRING: Final = (
    "id",
    "lead_id",
    "policy",
    "version",
    "trigger",
    "why",
    "outcome",
    "actions",
    "stage",
    "journey",
    "transition_id",
    "fired_at",
)
_PARKED: Final = ("id", "lead_id", "policy", "version", "reason", "moves", "parked_at", "unparked_at", "unparked_by")


def firing_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a firing as the API shows it."""
    return {name: row[name] for name in _FIRING}


def parked_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parked lead as the API shows it."""
    return {name: row[name] for name in _PARKED}


async def tell(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return what policies did to a lead, for its timeline: each firing with its why, and who let the lead go on."""
    fired, unparked = await store.read_of_lead(connection, lead_id)
    return [
        *(_item(row["fired_at"], firing_out(row)) for row in fired),
        *(_item(row["unparked_at"], parked_out(row) | {"outcome": "unparked"}) for row in unparked),
    ]


async def export_firings(connection: AsyncConnection, lead_ids: Collection[UUID]) -> dict[str, Any]:
    """Return what policies decided about a person, with what each decision rested on; a part of the person's export."""
    rows = await store.read_of_leads(connection, lead_ids)
    return {"policies": [firing_out(row) for row in rows]}


def _item(at: Any, data: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "policy", "occurred_at": at, "recorded_at": at, "data": data}
