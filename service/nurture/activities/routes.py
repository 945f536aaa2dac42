"""Telling activities over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import Caller, require
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads import batches
from service.leads.fields import Instant
from service.nurture.activities import operations, ratings
from service.nurture.activities.ratings import RatingListOut
from service.nurture.activities.schemas import (
    ActivityBatchOut,
    ActivityCreate,
    ActivityKindListOut,
    ActivityToldOut,
)
from service.nurture.activities.sending import body_schema, one_or_many

router = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["activities"])

Teller = Annotated[Caller, require("activities:write")]

_KNOWN: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": ActivityToldOut | ActivityBatchOut,
        "description": "One that was told before with this `key`; or the outcomes of many, in the order sent",
    }
}


@router.post(
    "/activities",
    operation_id="create_activities",
    summary="Tell what leads did: one activity, or up to 1,000",
    status_code=201,
    response_model=ActivityToldOut,
    responses=_KNOWN,
    openapi_extra=body_schema(),
)
async def create_activities(request: Request, connection: Connection, caller: Teller) -> Response:
    """One object, or many as a JSON array or as NDJSON: then each has its own outcome, and a bad one spoils no other. People we do not know are
    not made leads (404); what is told of a merged lead is the survivor's.
    """
    items, is_many = await one_or_many(request)
    checked = batches.validated(ActivityCreate, items)
    valid = [item for item in checked if isinstance(item, ActivityCreate)]
    outcomes = await operations.tell(connection, valid, actor=f"key:{caller.name}", now=now())
    return _answer(request, batches.merge(checked, outcomes), is_many=is_many)


def _answer(request: Request, outcomes: list[batches.Outcome], *, is_many: bool) -> Response:
    if is_many:
        return batches.batch_answer(request, outcomes, name="activity")
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]
    told = dict(outcomes[0])
    return json_answer(told, status=201 if told.pop("created") else 200)


@router.get(
    "/activity-kinds",
    operation_id="list_activity_kinds",
    summary="List the kinds of activities",
    response_model=ActivityKindListOut,
    dependencies=[require("leads:read")],
)
async def list_activity_kinds() -> dict[str, Any]:
    """What the known kinds mean, and who was active: the lead, one of us, or a machine. Any other kind may be told as well."""
    return {"data": operations.list_kinds(), "next_cursor": None}


@router.get(
    "/stats/ratings",
    operation_id="read_ratings",
    summary="Average the ratings of surveys and interviews",
    response_model=RatingListOut,
    dependencies=[require("stats:read")],
)
async def read_ratings(
    connection: ReadConnection,
    since: Annotated[Instant | None, Query(alias="from", description="Given from this instant on")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Given before this instant")] = None,
    kind: Annotated[list[str] | None, Query(description="Of these kinds only", max_length=100)] = None,
) -> Response:
    """By kind, channel and scale, with the bounds of each mean. Ratings on different scales are never averaged."""
    return json_answer(await ratings.read_ratings(connection, since=since, until=until, kinds=kind or ()))
