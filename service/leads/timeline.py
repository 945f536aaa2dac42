"""The timeline: everything that happened to one lead, in one list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import store
from service.leads.errors import LeadNotFound
from service.leads.present import touchpoint_out, transition_out
from service.outbound.store import read_changes


async def read_timeline(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return transitions (superseded ones too), touchpoints, corrections and changed fields, oldest first."""
    if await store.read_lead(connection, lead_id) is None:
        raise LeadNotFound(f"there is no lead {lead_id}")
    items = [
        *(_item("transition", row, transition_out(row)) for row in await store.read_ledger(connection, lead_id, superseded=True)),
        *(_item("touchpoint", row, touchpoint_out(row)) for row in await store.read_touchpoints(connection, lead_id)),
        *(_correction(row) for row in await store.read_corrections(connection, lead_id)),
        *(_item("change", row, {"changed": row["changed"]}) for row in await read_changes(connection, lead_id)),
    ]
    return sorted(items, key=lambda item: (item["occurred_at"], item["recorded_at"], item["data"].get("sequence", 0)))


def _item(kind: str, row: Mapping[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "occurred_at": row["occurred_at"], "recorded_at": row["recorded_at"], "data": data}


def _correction(row: Mapping[str, Any]) -> dict[str, Any]:
    data = {name: row[name] for name in ("id", "from_sequence", "reason", "actor")}
    return _item("correction", {**row, "occurred_at": row["recorded_at"]}, data)
