"""Who has a lead, over HTTP."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.etags import strong
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.reading import Listing
from service.leads.routes import By
from service.nurture.assignment import operations
from service.nurture.assignment.schemas import (
    AssignmentAccept,
    AssignmentCreate,
    AssignmentDoneOut,
    AssignmentOut,
    AssignmentReject,
    AssignmentRelease,
)

router: Final = APIRouter(prefix="/v1/leads/{lead_id}", route_class=ServiceRoute, tags=["assignment"])


def _answer(done: dict[str, Any], *, status: int = 200) -> Response:
    return json_answer(done, status=status, headers={"ETag": strong(done["lead"]["version"])})


@router.post(
    "/assignment",
    operation_id="assign_lead",
    summary="Assign a lead",
    status_code=201,
    response_model=AssignmentDoneOut,
)
async def assign_lead(lead_id: UUID, body: AssignmentCreate, connection: Connection, by: By) -> Response:
    """To an owner, to whose turn it is in a team, or by the rules. Whoever had it has it no more."""
    return _answer(await operations.assign_lead(connection, lead_id, body, by), status=201)


@router.post(
    "/assignment/accept",
    operation_id="accept_assignment",
    summary="Accept a lead that was offered",
    response_model=AssignmentDoneOut,
)
async def accept_assignment(
    lead_id: UUID, connection: Connection, by: By, body: AssignmentAccept | None = None
) -> Response:
    """Name the owner who accepts: an offer may have gone on to somebody else meanwhile. Accepting twice changes nothing."""
    return _answer(await operations.accept(connection, lead_id, body or AssignmentAccept(), by))


@router.post(
    "/assignment/reject",
    operation_id="reject_assignment",
    summary="Reject a lead, with a reason",
    response_model=AssignmentDoneOut,
)
async def reject_assignment(lead_id: UUID, body: AssignmentReject, connection: Connection, by: By) -> Response:
    """It goes to the next, or into the pool, as its rule says; never back to who rejected it. The answer has the next assignment, if any."""
    return _answer(await operations.reject(connection, lead_id, body, by))


@router.post(
    "/assignment/release",
    operation_id="release_assignment",
    summary="Give a lead back into the pool",
    response_model=AssignmentDoneOut,
)
async def release_assignment(
    lead_id: UUID, connection: Connection, by: By, body: AssignmentRelease | None = None
) -> Response:
    """It has no owner then, until somebody claims or is given it."""
    return _answer(await operations.release(connection, lead_id, body or AssignmentRelease(), by))


@router.get(
    "/assignments",
    operation_id="list_lead_assignments",
    summary="Read who has had a lead, and why",
    response_model=Listing[AssignmentOut],
    dependencies=[require("leads:read")],
)
async def list_lead_assignments(lead_id: UUID, connection: ReadConnection) -> Response:
    """Oldest first; those of leads that were merged into it among them."""
    return json_answer(await operations.history(connection, lead_id))
