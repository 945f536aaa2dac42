"""A person's rights over HTTP: to have all that is held of them, and to be forgotten."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.privacy import erasing, exporting, suppressing
from service.leads.privacy.schemas import ErasureCreate, PersonErasedOut, PersonExportOut
from service.leads.routes import OfNoVersion

router = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["privacy"])


@router.get(
    "/leads/{lead_id}/export",
    operation_id="export_person",
    summary="Read all that is held of a person",
    response_model=PersonExportOut,
    dependencies=[require("leads:read")],
)
async def export_person(lead_id: UUID, request: Request, connection: ReadConnection) -> Response:
    """Everything in one answer: the lead, its history as it was ever recorded, events, and the raw deliveries it came from."""
    held = await exporting.export_person(connection, lead_id, at=now(), also=request.app.state.exporters)
    return json_answer(held, headers={"Content-Disposition": f'attachment; filename="lead-{lead_id}.json"'})


@router.post(
    "/erasures",
    operation_id="erase_person",
    summary="Erase somebody by their e-mail, phone or external id",
    response_model=PersonErasedOut,
)
async def erase_person(body: ErasureCreate, request: Request, connection: Connection, by: OfNoVersion) -> Response:
    """As `POST /v1/leads/{id}/erasure`; also of somebody who never became a lead. It cannot be undone."""
    identity = suppressing.named(body.model_dump())
    return json_answer(await erasing.erase_person(connection, identity, by, erasers=request.app.state.erasers))
