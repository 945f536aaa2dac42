"""Questions over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from service.core import clock
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.routing import ReadConnection, ServiceRoute
from service.stats import operations
from service.stats.schemas.funnel import FunnelOut, FunnelQuery
from service.stats.schemas.trend import TrendOut, TrendQuery

router: Final = APIRouter(
    prefix="/v1/stats", tags=["statistics"], route_class=ServiceRoute, dependencies=[require("stats:read")]
)


@router.get(
    "/funnel", response_model=FunnelOut, operation_id="get_funnel", summary="How far leads come, stage by stage"
)
async def get_funnel(query: Annotated[FunnelQuery, Query()], connection: ReadConnection) -> Response:
    """Answer with the funnel of each group, every count with the address of the leads behind it."""
    return json_answer(await operations.funnel(connection, query, now=clock.now()))


@router.get("/trend", response_model=TrendOut, operation_id="get_trend", summary="Entries into each stage over time")
async def get_trend(query: Annotated[TrendQuery, Query()], connection: ReadConnection) -> Response:
    """Answer with one number per stage and calendar bucket, empty buckets included."""
    return json_answer(await operations.trend(connection, query, now=clock.now()))
