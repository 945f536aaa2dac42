"""Segments over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from service.core import clock
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.paging import Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.stats.segments import operations
from service.stats.segments.schemas import SegmentCreate, SegmentListOut, SegmentOut, SegmentPatch

router: Final = APIRouter(prefix="/v1/segments", route_class=ServiceRoute, tags=["segments"])

Key = Annotated[str, Path(min_length=1, max_length=64)]
_LISTED: Final[dict[str, Any]] = {"list": "segments"}


@router.get(
    "",
    operation_id="list_segments",
    summary="List segments",
    response_model=SegmentListOut,
    dependencies=[require("stats:read")],
)
async def list_segments(
    request: Request, response: Response, connection: ReadConnection, paging: Paging
) -> dict[str, Any]:
    """Return segments by their key."""
    after = paging.after(_LISTED, str)
    found = await operations.list_segments(connection, after=after[0] if after else None, limit=paging.limit + 1)
    return paginate(
        found, request=request, response=response, paging=paging, filters=_LISTED, key=lambda one: [one["key"]]
    )


@router.post(
    "",
    operation_id="create_segment",
    summary="Give a filter a name",
    status_code=201,
    response_model=SegmentOut,
    dependencies=[require("leads:write")],
)
async def create_segment(body: SegmentCreate, connection: Connection) -> Response:
    """Then `segment=<key>` narrows every question of the statistics, the lead list and the exports, beside any other filter."""
    return json_answer(await operations.create(connection, body, now=clock.now()), status=201)


@router.get(
    "/{key}",
    operation_id="read_segment",
    summary="Read a segment",
    response_model=SegmentOut,
    dependencies=[require("stats:read")],
)
async def read_segment(key: Key, connection: ReadConnection) -> Response:
    """What it filters by, and the address of the leads that are of it now."""
    return json_answer(await operations.read_segment(connection, key))


@router.patch(
    "/{key}",
    operation_id="amend_segment",
    summary="Amend a segment",
    response_model=SegmentOut,
    dependencies=[require("leads:write")],
)
async def amend_segment(key: Key, body: SegmentPatch, connection: Connection) -> Response:
    """Every address that names it means the new filters from now on; figures say which filters they were counted by."""
    return json_answer(await operations.amend(connection, key, body, now=clock.now()))


@router.delete(
    "/{key}",
    operation_id="delete_segment",
    summary="Delete a segment",
    status_code=204,
    response_class=Response,
    dependencies=[require("leads:write")],
)
async def delete_segment(key: Key, connection: Connection) -> None:
    """The leads stay; addresses that name the segment are refused from now on."""
    await operations.drop(connection, key)
