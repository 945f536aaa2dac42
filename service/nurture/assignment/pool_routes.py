"""The pool, assignments as a list, and what becomes of them, over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.etags import strong
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.routes import OfNoVersion
from service.nurture.assignment import figures, pool
from service.nurture.assignment.schemas import (
    AssignmentDoneOut,
    AssignmentListOut,
    AssignmentQuery,
    AssignmentStatsOut,
    AssignmentStatsQuery,
    Claim,
    PoolOut,
    PoolQuery,
)

router: Final = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["assignment"])


@router.get(
    "/pool",
    operation_id="list_pool",
    summary="List the leads that nobody has",
    response_model=PoolOut,
    dependencies=[require("leads:read")],
)
async def list_pool(request: Request, connection: ReadConnection, query: Annotated[PoolQuery, Query()]) -> Response:
    """Those in the stages that the rules of assignment name, unless `stage` names others; each with its last assignment, if it had any."""
    return await pool.list_pool(connection, request, query)


@router.post(
    "/pool/claim",
    operation_id="claim_lead",
    summary="Take the next lead out of the pool",
    status_code=201,
    response_model=AssignmentDoneOut,
)
async def claim_lead(body: Claim, connection: Connection, by: OfNoVersion) -> Response:
    """However many claim at once, each gets a lead of their own. 404 if there is none; nobody gets back what they rejected."""
    done = await pool.claim(connection, body, by)
    return json_answer(done, status=201, headers={"ETag": strong(done["lead"]["version"])})


@router.get(
    "/assignments",
    operation_id="list_assignments",
    summary="List assignments",
    response_model=AssignmentListOut,
    dependencies=[require("leads:read")],
)
async def list_assignments(
    request: Request, connection: ReadConnection, query: Annotated[AssignmentQuery, Query()]
) -> Response:
    """The latest first. Every figure of `GET /v1/stats/assignment` names the list of those it counts."""
    return await figures.list_assignments(connection, request, query)


@router.get(
    "/stats/assignment",
    operation_id="read_assignment_statistics",
    summary="What became of assignments",
    response_model=AssignmentStatsOut,
    dependencies=[require("stats:read")],
)
async def read_assignment_statistics(
    connection: ReadConnection, query: Annotated[AssignmentStatsQuery, Query()]
) -> Response:
    """By owner, team, rule or method: accepted, rejected and why, taken back, and how much everybody has open."""
    return json_answer(await figures.statistics(connection, query, now=now()))
