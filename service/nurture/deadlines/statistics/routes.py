"""Statistics of deadlines over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from service.core import clock
from service.core.http.auth import require
from service.core.http.routing import ReadConnection, ServiceRoute
from service.nurture.deadlines.statistics import operations
from service.nurture.deadlines.statistics.schemas import OverdueOut, OverdueQuery, ResponseOut, ResponseQuery
from service.stats.attending import attended

router: Final = APIRouter(
    prefix="/v1/stats", tags=["statistics"], route_class=ServiceRoute, dependencies=[require("stats:read")]
)


@router.get(
    "/response",
    response_model=ResponseOut,
    operation_id="get_response_times",
    summary="How soon leads are responded to",
)
async def get_response_times(
    query: Annotated[ResponseQuery, Query()], connection: ReadConnection, request: Request
) -> Response:
    """Answer with the time until a first response, by the clock and in working time, those still waiting included."""
    return await attended(request, operations.response(connection, query, now=clock.now()))


@router.get(
    "/overdue",
    response_model=OverdueOut,
    operation_id="get_overdue",
    summary="How many deadlines are met, and how many are overdue",
)
async def get_overdue(
    query: Annotated[OverdueQuery, Query()], connection: ReadConnection, request: Request
) -> Response:
    """Answer with what became of the deadlines of each group, every count with the address of what is behind it."""
    return await attended(request, operations.overdue(connection, query, now=clock.now()))
