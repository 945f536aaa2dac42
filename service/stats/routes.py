"""Questions over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from service.core import clock
from service.core.http.auth import require
from service.core.http.routing import ServiceRoute, SnapshotConnection
from service.stats import carding, crediting, forecasting, operations, portraying, ranking, returning
from service.stats.answering import remembered
from service.stats.attending import attended
from service.stats.schemas.attribution import AttributionOut, AttributionQuery
from service.stats.schemas.bottlenecks import BottlenecksOut, BottlenecksQuery
from service.stats.schemas.cohorts import CohortsOut, CohortsQuery
from service.stats.schemas.flow import FlowOut, FlowQuery, OccupancyOut, OccupancyQuery
from service.stats.schemas.forecast import ForecastOut, ForecastQuery
from service.stats.schemas.funnel import FunnelOut, FunnelQuery
from service.stats.schemas.kpis import KpisOut, KpisQuery
from service.stats.schemas.profile import ProfileOut, ProfileQuery
from service.stats.schemas.returns import ChannelsOut, ChannelsQuery
from service.stats.schemas.trend import TrendOut, TrendQuery
from service.stats.schemas.velocity import VelocityOut, VelocityQuery
from service.stats.segments.operations import resolved

router: Final = APIRouter(
    prefix="/v1/stats", tags=["statistics"], route_class=ServiceRoute, dependencies=[require("stats:read")]
)


@router.get(
    "/funnel", response_model=FunnelOut, operation_id="get_funnel", summary="How far leads come, stage by stage"
)
async def get_funnel(
    query: Annotated[FunnelQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with the funnel of each group, every count with the address of the leads behind it."""
    answer = operations.funnel(connection, await resolved(connection, query), now=clock.now(), work=remembered)
    return await attended(request, answer)


@router.get("/trend", response_model=TrendOut, operation_id="get_trend", summary="Entries into each stage over time")
async def get_trend(
    query: Annotated[TrendQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with one number per stage and calendar bucket, empty buckets included."""
    answer = operations.trend(connection, await resolved(connection, query), now=clock.now(), work=remembered)
    return await attended(request, answer)


@router.get("/flow", response_model=FlowOut, operation_id="get_flow", summary="Who moved from which stage to which")
async def get_flow(query: Annotated[FlowQuery, Query()], connection: SnapshotConnection, request: Request) -> Response:
    """Answer with the moves between each pair of stages: what a Sankey diagram needs."""
    answer = operations.flow(connection, await resolved(connection, query), now=clock.now(), work=remembered)
    return await attended(request, answer)


@router.get(
    "/occupancy",
    response_model=OccupancyOut,
    operation_id="get_occupancy",
    summary="How many leads stood in each stage at an instant",
)
async def get_occupancy(
    query: Annotated[OccupancyQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with the leads in each stage now, at an instant, or at every bucket's end of a calendar."""
    answer = operations.occupancy(connection, await resolved(connection, query), now=clock.now(), work=remembered)
    return await attended(request, answer)


@router.get(
    "/cohorts",
    response_model=CohortsOut,
    operation_id="get_cohorts",
    summary="How many came to a stage at which age, cohort by cohort",
)
async def get_cohorts(
    query: Annotated[CohortsQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with a triangle: start buckets by age buckets, null where nobody can be that old yet."""
    return await attended(request, operations.cohorts(connection, await resolved(connection, query), now=clock.now()))


@router.get("/velocity", response_model=VelocityOut, operation_id="get_velocity", summary="How long things take")
async def get_velocity(
    query: Annotated[VelocityQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with the time to each stage and in each stage, those still under way included, and what the pipeline yields a day."""
    return await attended(request, operations.velocity(connection, await resolved(connection, query), now=clock.now()))


@router.get(
    "/channels",
    response_model=ChannelsOut,
    operation_id="get_channels_statistics",
    summary="What channels cost and brought",
)
async def get_channels(
    query: Annotated[ChannelsQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with leads, opportunities, wins, revenue, spending, costs and ROI by channel, campaign or any other dimension."""
    return await attended(request, returning.channels(connection, await resolved(connection, query), now=clock.now()))


@router.get("/kpis", response_model=KpisOut, operation_id="get_kpis", summary="Five figures against the period before")
async def get_kpis(query: Annotated[KpisQuery, Query()], connection: SnapshotConnection, request: Request) -> Response:
    """Answer with new leads, conversion, time to win, cost per customer, revenue and value, and whether they changed by more than noise."""
    answer = carding.kpis(connection, await resolved(connection, query), now=clock.now(), work=remembered)
    return await attended(request, answer)


@router.get(
    "/attribution",
    response_model=AttributionOut,
    operation_id="get_attribution",
    summary="Which touches are credited with the wins",
)
async def get_attribution(
    query: Annotated[AttributionQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with the wins and the revenue that six models credit each touched channel or campaign with."""
    return await attended(
        request, crediting.attribution(connection, await resolved(connection, query), now=clock.now())
    )


@router.get(
    "/bottlenecks",
    response_model=BottlenecksOut,
    operation_id="get_bottlenecks",
    summary="Which step of the funnel would gain the most wins",
)
async def get_bottlenecks(
    query: Annotated[BottlenecksQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with the steps of the funnel, ranked by the wins gained if each did as well as its best quarter or channel."""
    return await attended(request, ranking.bottlenecks(connection, await resolved(connection, query), now=clock.now()))


@router.get(
    "/forecast", response_model=ForecastOut, operation_id="get_forecast", summary="What the open journeys may come to"
)
async def get_forecast(
    query: Annotated[ForecastQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with the wins and the revenue to expect, how sure that is, and how good such forecasts have been."""
    return await attended(request, forecasting.forecast(connection, await resolved(connection, query), now=clock.now()))


@router.get("/profile", response_model=ProfileOut, operation_id="get_profile", summary="Who is won more than the rest")
async def get_profile(
    query: Annotated[ProfileQuery, Query()], connection: SnapshotConnection, request: Request
) -> Response:
    """Answer with the values of dimensions and custom attributes, each held against the rest, corrected for being many."""
    return await attended(request, portraying.profile(connection, await resolved(connection, query), now=clock.now()))
