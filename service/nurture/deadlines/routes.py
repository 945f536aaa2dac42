"""Deadlines over HTTP."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from service.core import clock
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.routing import ReadConnection, ServiceRoute
from service.leads.reading import Listing
from service.nurture.deadlines import operations
from service.nurture.deadlines.rules import SLA_RULES
from service.nurture.deadlines.schemas import DeadlineListOut, DeadlineOut, DeadlineQuery
from service.nurture.rule_routes import rule_routes

_TAG: Final = "deadlines"

router: Final = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=[_TAG], dependencies=[require("leads:read")])

rules_router: Final = rule_routes(
    SLA_RULES,
    noun="rules of deadlines",
    tag=_TAG,
    description="How long a first response, or leaving a stage, may take, and the calendars whose working time counts. "
    "For each of the two, the first rule that fits a lead applies.",
    check=operations.check_rules,
)


@router.get(
    "/leads/{lead_id}/deadlines",
    operation_id="list_lead_deadlines",
    summary="Read a lead's deadlines",
    response_model=Listing[DeadlineOut],
)
async def list_lead_deadlines(lead_id: UUID, connection: ReadConnection) -> Response:
    """All there ever were, by when the stage was entered; those that another took the place of, too."""
    return json_answer(await operations.list_of_lead(connection, lead_id, now=clock.now()))


@router.get(
    "/deadlines",
    operation_id="list_deadlines",
    summary="List what is to be done, the most overdue first",
    response_model=DeadlineListOut,
)
async def list_deadlines(
    request: Request, connection: ReadConnection, query: Annotated[DeadlineQuery, Query()]
) -> Response:
    """Deadlines that are not over, unless `state` says otherwise, each with its lead; those of test leads are left out."""
    return await operations.answer_page(connection, query, request=request, now=clock.now())
