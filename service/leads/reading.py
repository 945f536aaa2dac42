"""Reading what belongs to one lead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import store
from service.leads.book import refuse_gone
from service.leads.errors import LeadMerged, LeadNotFound
from service.leads.lives import life_of
from service.leads.merging.present import set_aside_out
from service.leads.merging.store import read_merges, read_set_aside
from service.leads.present import activity_out, consent_out, journey_out, lead_out, touchpoint_out, transition_out
from service.leads.privacy.store import read_consents
from service.lifecycle.ledger import allowed
from service.outbound.store import read_changes

Item = TypeVar("Item")

System = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
ExternalIdPath = Annotated[str, StringConstraints(strip_whitespace=True), Path(min_length=1, max_length=255)]


Teller = Callable[[AsyncConnection, UUID], Awaitable[list[dict[str, Any]]]]
"""Tells items of a lead's timeline: ``kind, occurred_at, recorded_at, data``."""


class Listing(BaseModel, Generic[Item]):
    """A list that is always whole."""

    data: list[Item]
    next_cursor: None


async def find_lead(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return a lead's row; raises `LeadNotFound`, `LeadErased`, or `LeadMerged` naming the survivor."""
    row = await store.read_lead(connection, lead_id)
    if row is None:
        raise LeadNotFound(f"there is no lead {lead_id}")
    if row["merged_into"] is not None and row["erased_at"] is None:
        raise LeadMerged(lead_id, await store.read_survivor(connection, lead_id))
    refuse_gone(row)
    return row


async def read_lead(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return a lead as the API shows it."""
    return lead_out(await find_lead(connection, lead_id))


async def _all_of(
    connection: AsyncConnection,
    lead_id: UUID,
    read: Callable[[AsyncConnection, UUID], Awaitable[list[dict[str, Any]]]],
    show: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    await find_lead(connection, lead_id)
    return {"data": [show(row) for row in await read(connection, lead_id)], "next_cursor": None}


async def read_ledger(
    connection: AsyncConnection, lead_id: UUID, *, known_at: datetime | None, superseded: bool
) -> dict[str, Any]:
    """Return a lead's ledger: as it is, as it was believed at ``known_at``, or all of it."""

    async def read(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
        return await store.read_ledger(connection, lead_id, known_at=known_at, superseded=superseded)

    return await _all_of(connection, lead_id, read, transition_out)


async def read_journeys(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return a lead's journeys."""
    return await _all_of(connection, lead_id, store.read_journeys, journey_out)


async def read_touchpoints(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return a lead's touchpoints, but for those that only a start told of that was corrected."""
    told = await _all_of(connection, lead_id, store.read_touchpoints, touchpoint_out)
    return told | {"data": [one for one in told["data"] if one["journey"]]}


async def read_activities(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return what a lead did."""
    return await _all_of(connection, lead_id, store.read_activities, activity_out)


async def read_allowed(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any]:
    """Return the events that are legal for a lead now."""
    row = await find_lead(connection, lead_id)
    journeys = await store.read_journeys(connection, lead_id)
    return {"data": allowed(life_of(row, journeys[-1])), "next_cursor": None}


async def read_timeline(connection: AsyncConnection, lead_id: UUID, *, also: Sequence[Teller] = ()) -> dict[str, Any]:
    """Return transitions (superseded ones too), touchpoints, activities, corrections and changed fields, oldest first.

    ``also`` are those who know more of a lead: what other rooms did to it, and why.
    """
    await find_lead(connection, lead_id)
    items = [
        *(
            _item("transition", row, transition_out(row))
            for row in await store.read_ledger(connection, lead_id, superseded=True)
        ),
        *(_item("touchpoint", row, touchpoint_out(row)) for row in await store.read_touchpoints(connection, lead_id)),
        *(_item("activity", row, activity_out(row)) for row in await store.read_activities(connection, lead_id)),
        *(_item("consent", row, consent_out(row)) for row in await read_consents(connection, lead_id)),
        *(_correction(row) for row in await store.read_corrections(connection, lead_id)),
        *(_merge(row) for row in await read_merges(connection, lead_id)),
        *(_item("set_aside", row, set_aside_out(row, lead_id)) for row in await read_set_aside(connection, lead_id)),
        *(_item("change", row, {"changed": row["changed"]}) for row in await read_changes(connection, lead_id)),
        *[item for tell in also for item in await tell(connection, lead_id)],
    ]
    items.sort(key=lambda item: (item["occurred_at"], item["recorded_at"], item["data"].get("sequence", 0)))
    return {"data": items, "next_cursor": None}


def _item(kind: str, row: Mapping[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "occurred_at": row["occurred_at"], "recorded_at": row["recorded_at"], "data": data}


def _merge(row: Mapping[str, Any]) -> dict[str, Any]:
    data = {name: row[name] for name in ("id", "duplicate_id", "actor", "automatic", "undone_at", "undone_by")}
    return _item("merge", {**row, "occurred_at": row["recorded_at"]}, data)


def _correction(row: Mapping[str, Any]) -> dict[str, Any]:
    data = {name: row[name] for name in ("id", "from_sequence", "reason", "actor")}
    return _item("correction", {**row, "occurred_at": row["recorded_at"]}, data)
