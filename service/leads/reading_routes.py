"""Reading leads over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.etags import strong
from service.core.http.routing import ReadConnection, ServiceRoute
from service.leads import aliases, listing, reading
from service.leads.answers import (
    ActivityOut,
    AllowedEvent,
    IdentityOut,
    JourneyOut,
    LeadListOut,
    LeadOut,
    TimelineItem,
    TouchpointOut,
    TransitionOut,
)
from service.leads.fields import Instant

router = APIRouter(prefix="/v1/leads", route_class=ServiceRoute, tags=["leads"], dependencies=[require("leads:read")])


@router.get("", operation_id="list_leads", summary="List, filter and search leads", response_model=LeadListOut)
async def list_leads(
    request: Request, connection: ReadConnection, query: Annotated[listing.LeadQuery, Query()]
) -> Response:
    """With `behind`, list the leads behind a figure of the statistics: one entry for each journey or transition that it counts."""
    return listing.answer(request, query, await listing.list_page(connection, request, query, now=now()))


@router.get("/{lead_id}", operation_id="read_lead", summary="Read a lead", response_model=LeadOut)
async def read_lead(lead_id: UUID, connection: ReadConnection) -> Response:
    """The ETag is the lead's version."""
    lead = await reading.read_lead(connection, lead_id)
    return json_answer(lead, headers={"ETag": strong(lead["version"])})


@router.get(
    "/{lead_id}/transitions",
    operation_id="list_transitions",
    summary="Read a lead's ledger",
    response_model=reading.Listing[TransitionOut],
)
async def list_transitions(
    lead_id: UUID,
    connection: ReadConnection,
    known_at: Annotated[Instant | None, Query(description="As it was believed at this instant")] = None,
    superseded: Annotated[bool, Query(description="Every row that was ever written")] = False,  # noqa: FBT002  a query parameter
) -> Response:
    """In order; with `known_at`, the ledger as it was recorded by then."""
    return json_answer(await reading.read_ledger(connection, lead_id, known_at=known_at, superseded=superseded))


@router.get(
    "/{lead_id}/journeys",
    operation_id="list_journeys",
    summary="Read a lead's journeys",
    response_model=reading.Listing[JourneyOut],
)
async def list_journeys(lead_id: UUID, connection: ReadConnection) -> Response:
    """Each pass through the funnel, with its milestones."""
    return json_answer(await reading.read_journeys(connection, lead_id))


@router.get(
    "/{lead_id}/touchpoints",
    operation_id="list_touchpoints",
    summary="Read a lead's touchpoints",
    response_model=reading.Listing[TouchpointOut],
)
async def list_touchpoints(lead_id: UUID, connection: ReadConnection) -> Response:
    """The first is the one that acquired the lead."""
    return json_answer(await reading.read_touchpoints(connection, lead_id))


@router.get(
    "/{lead_id}/activities",
    operation_id="list_activities",
    summary="Read what a lead did",
    response_model=reading.Listing[ActivityOut],
)
async def list_activities(lead_id: UUID, connection: ReadConnection) -> Response:
    """What other tools told us: opened, clicked, booked, answered."""
    return json_answer(await reading.read_activities(connection, lead_id))


@router.get(
    "/{lead_id}/identities",
    operation_id="list_identities",
    summary="Read what a lead is known by",
    response_model=reading.Listing[IdentityOut],
)
async def list_identities(lead_id: UUID, connection: ReadConnection) -> Response:
    """What is not `shown` is an alias: it still matches new submissions to this lead until it is deleted."""
    return json_answer(await aliases.read_identities(connection, lead_id))


@router.get(
    "/{lead_id}/timeline",
    operation_id="read_timeline",
    summary="Read all that happened to a lead",
    response_model=reading.Listing[TimelineItem],
)
async def read_timeline(lead_id: UUID, connection: ReadConnection, request: Request) -> Response:
    """Transitions, touchpoints, changes, corrections, and what the service did of its own accord, in one list, oldest first."""
    return json_answer(await reading.read_timeline(connection, lead_id, also=request.app.state.timelines))


@router.get(
    "/{lead_id}/allowed-events",
    operation_id="list_allowed_events",
    summary="List what can happen to a lead now",
    response_model=reading.Listing[AllowedEvent],
)
async def list_allowed_events(lead_id: UUID, connection: ReadConnection) -> Response:
    """Each legal event with its needs, and those the lead does not meet."""
    return json_answer(await reading.read_allowed(connection, lead_id))
