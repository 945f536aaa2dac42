"""Exporting: all that is held of a person, in one answer, for them or for another service of theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import identity_store, store
from service.leads.present import (
    activity_out,
    consent_out,
    journey_out,
    lead_out,
    money,
    touchpoint_out,
    transition_out,
)
from service.leads.privacy import export_store
from service.leads.privacy.store import read_consents
from service.leads.reading import find_lead
from service.outbound.events import event_out

Exporter = Callable[[AsyncConnection, Collection[UUID]], Awaitable[dict[str, Any]]]
"""What another room holds of the person whose leads these are, by name."""


async def export_person(
    connection: AsyncConnection, lead_id: UUID, *, at: datetime, also: Sequence[Exporter] = ()
) -> dict[str, Any]:
    """Return all that is held of the person behind a lead; raises what `find_lead` raises."""
    row = await find_lead(connection, lead_id)
    merged = await export_store.merged_into(connection, lead_id)
    held = await _held(connection, row)
    held["merged_leads"] = [
        await _held(connection, other) for one in merged if (other := await store.read_lead(connection, one))
    ]
    for exporter in also:
        held |= await exporter(connection, [lead_id, *merged])
    return {"exported_at": at, **held}


async def _held(connection: AsyncConnection, row: dict[str, Any]) -> dict[str, Any]:
    lead_id = row["id"]
    ledger = await store.read_ledger(connection, lead_id, superseded=True)
    return {
        "lead": lead_out(row),
        "identities": await identity_store.identities_owned(connection, lead_id),
        "transitions": [transition_out(one) for one in ledger],
        "corrections": [_without_lead(one) for one in await store.read_corrections(connection, lead_id)],
        "journeys": [journey_out(one) for one in await store.read_journeys(connection, lead_id)],
        "touchpoints": [touchpoint_out(one) for one in await store.read_touchpoints(connection, lead_id)],
        "activities": [activity_out(one) for one in await store.read_activities(connection, lead_id)],
        "consents": [consent_out(one) for one in await read_consents(connection, lead_id)],
        "merges": [_without_lead(one) for one in await export_store.read_merges(connection, lead_id)],
        "set_aside": [
            _without_lead(one) | {"amount": money(one["amount"])}
            for one in await export_store.read_set_aside(connection, lead_id)
        ],
        "events": [event_out(one) for one in await export_store.read_events(connection, lead_id)],
    }


def _without_lead(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "lead_id"}
