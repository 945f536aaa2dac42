"""Writing leads over HTTP; `reading_routes` reads them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import Caller, require
from service.core.http.etags import IfMatch, strong
from service.core.http.routing import Connection, ServiceRoute, UnitOfWork
from service.leads import aliases, batches, correcting, erase, operations, reading
from service.leads.answers import (
    CorrectionOut,
    ErasureOut,
    LeadBatchOut,
    LeadOut,
    LeadTakenOut,
    TransitionBatchOut,
    TransitionDoneOut,
    TrialOut,
)
from service.leads.identities import Identity
from service.leads.operations import Writer
from service.leads.schemas import CorrectionCreate, LeadCreate, LeadPatch, LeadUpsert, TransitionCreate, TransitionItem

router = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["leads"])

Editor = Annotated[Caller, require("leads:write")]


async def _writer(caller: Editor, precondition: IfMatch) -> Writer:
    return Writer(actor=f"key:{caller.name}", now=now(), precondition=precondition)


async def _author(caller: Editor) -> Writer:
    return Writer(actor=f"key:{caller.name}", now=now())


By = Annotated[Writer, Depends(_writer)]
OfNoVersion = Annotated[Writer, Depends(_author)]
"""For what may change several leads, or none yet: there is no one version that `If-Match` could name."""


def _lead(lead: dict[str, Any], *, status: int = 200) -> Response:
    headers = {"ETag": strong(lead["version"])}
    if status == 201:
        headers["Location"] = f"/v1/leads/{lead['id']}"
    return json_answer(lead, status=status, headers=headers)


@router.post(
    "/leads",
    operation_id="create_lead",
    summary="Create a lead, or match the one with the same identity",
    status_code=201,
    response_model=LeadTakenOut,
    responses={
        200: {"model": LeadTakenOut, "description": "Matched: a touchpoint was added, what was missing was filled in"}
    },
)
async def create_lead(body: LeadCreate, unit: UnitOfWork, by: OfNoVersion) -> Response:
    """Match by external id, e-mail or phone; nothing that is known of a matched lead is overwritten."""
    lead = await operations.create_lead(unit, body, by)
    return _lead(lead, status=201 if lead.pop("created") else 200)


@router.post(
    "/leads/batch",
    operation_id="create_leads",
    summary="Create or match up to 1,000 leads",
    response_model=LeadBatchOut,
    openapi_extra=batches.body_schema(LeadCreate),
)
async def create_leads(request: Request, connection: Connection, by: OfNoVersion) -> Response:
    """Each item has its own outcome, in the order sent; a bad item spoils no other."""
    checked = batches.validated(LeadCreate, await batches.items_of(request))
    outcomes = await operations.create_leads(connection, [item for item in checked if isinstance(item, LeadCreate)], by)
    return batches.batch_answer(request, batches.merge(checked, outcomes), name="lead")


@router.patch(
    "/leads/{lead_id}", operation_id="amend_lead", summary="Amend a lead (JSON Merge Patch)", response_model=LeadOut
)
async def amend_lead(lead_id: UUID, body: LeadPatch, connection: Connection, by: By) -> Response:
    """What is absent stays, null clears. The stage moves by transitions only."""
    return _lead(await operations.amend_lead(connection, lead_id, body, by))


@router.put(
    "/leads/by-external-id/{system}/{external_id:path}",
    operation_id="upsert_lead",
    summary="Create or amend the lead with your own id",
    response_model=LeadOut,
    responses={201: {"model": LeadOut, "description": "Created"}},
)
async def upsert_lead(
    system: reading.System, external_id: reading.ExternalIdPath, body: LeadUpsert, connection: Connection, by: By
) -> Response:
    """What is absent stays, null clears, the stage is never touched; the same request again changes nothing."""
    lead, created = await operations.upsert_lead(connection, system, external_id, body, by)
    return _lead(lead, status=201 if created else 200)


@router.delete(
    "/leads/{lead_id}/identities/{kind}/{value:path}",
    operation_id="delete_identity",
    summary="Let go of an alias of a lead",
    response_model=LeadOut,
)
async def delete_identity(lead_id: UUID, kind: str, value: str, connection: Connection, by: By) -> Response:
    """It is free for other leads then. What the lead shows is changed with `PATCH`, and refused here with 409."""
    return _lead(await aliases.release_alias(connection, lead_id, Identity(kind, value), by))


@router.post(
    "/leads/{lead_id}/transitions",
    operation_id="move_lead",
    summary="Move a lead by an event",
    status_code=201,
    response_model=TransitionDoneOut,
    responses={200: {"model": TrialOut, "description": "`dry_run`: what would happen"}},
)
async def move_lead(
    lead_id: UUID,
    body: TransitionCreate,
    unit: UnitOfWork,
    by: By,
    dry_run: Annotated[bool, Query(description="Say what would happen, and do nothing")] = False,  # noqa: FBT002  a query parameter
) -> Response:
    """Refused with 409 and what is allowed if the lead's stage has no such event, or a need is unmet."""
    if dry_run:
        return json_answer(await operations.try_move(await unit.connection(), lead_id, body, by))
    done = await operations.move_lead(unit, lead_id, body, by)
    return json_answer(done, status=201, headers={"ETag": strong(done["lead"]["version"])})


@router.post(
    "/transitions/batch",
    operation_id="move_leads",
    summary="Move up to 1,000 leads",
    response_model=TransitionBatchOut,
    openapi_extra=batches.body_schema(TransitionItem),
)
async def move_leads(request: Request, connection: Connection, by: OfNoVersion) -> Response:
    """Each item names its lead by `lead_id` or `external_id`, and has its own outcome, in the order sent."""
    checked = batches.validated(TransitionItem, await batches.items_of(request))
    outcomes = await operations.move_leads(
        connection, [item for item in checked if isinstance(item, TransitionItem)], by
    )
    return batches.batch_answer(request, batches.merge(checked, outcomes), name="transition", fresh=201)


@router.post(
    "/leads/{lead_id}/corrections",
    operation_id="correct_lead",
    summary="Replace the tail of a lead's ledger",
    status_code=201,
    response_model=CorrectionOut,
)
async def correct_lead(lead_id: UUID, body: CorrectionCreate, connection: Connection, by: By) -> Response:
    """The whole corrected ledger is run through the machine; the old rows stay, superseded."""
    done = await correcting.correct_lead(connection, lead_id, body, by)
    return json_answer(done, status=201, headers={"ETag": strong(done["lead"]["version"])})


@router.post(
    "/leads/{lead_id}/erasure",
    operation_id="erase_lead",
    summary="Erase the person behind a lead",
    response_model=ErasureOut,
)
async def erase_lead(lead_id: UUID, request: Request, connection: Connection, by: By) -> Response:
    """What identifies the person goes, in raw deliveries and events too; the numbers stay. It cannot be undone."""
    return json_answer(await erase.erase_lead(connection, lead_id, by, erasers=request.app.state.erasers))
