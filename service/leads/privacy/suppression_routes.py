"""Suppressions over HTTP: whom not to contact, or not to let in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.paging import Page
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.privacy import suppressing
from service.leads.privacy.schemas import SuppressionCreate, SuppressionNamed, SuppressionOut, SuppressionQuery
from service.leads.reading import Listing
from service.leads.routes import OfNoVersion

router = APIRouter(prefix="/v1/suppressions", route_class=ServiceRoute, tags=["privacy"])


@router.get(
    "",
    operation_id="list_suppressions",
    summary="List who must not be contacted, or ask about one",
    response_model=Page[SuppressionOut],
    dependencies=[require("leads:read")],
)
async def list_suppressions(
    request: Request,
    response: Response,
    connection: ReadConnection,
    query: Annotated[SuppressionQuery, Query()],
) -> dict[str, object]:
    """The latest first; no value is kept, but it can be asked whether one is suppressed: `?email=`, `phone`, `domain`, `external_id`."""
    return await suppressing.list_page(connection, query, request=request, response=response)


@router.post(
    "",
    operation_id="create_suppression",
    summary="Block somebody, or note that they unsubscribed",
    status_code=201,
    response_model=SuppressionOut,
    responses={200: {"model": SuppressionOut, "description": "It was suppressed already, for this reason"}},
)
async def create_suppression(body: SuppressionCreate, connection: Connection, by: OfNoVersion) -> Response:
    """Leads they are known by say so at once: see their `can_contact`."""
    row, is_new = await suppressing.suppress(connection, suppressing.named(body.model_dump()), body.reason, by)
    return json_answer(row, status=201 if is_new else 200)


@router.delete(
    "",
    operation_id="delete_suppression",
    summary="Lift a suppression",
    response_model=Listing[SuppressionOut],
)
async def delete_suppression(
    connection: Connection, by: OfNoVersion, query: Annotated[SuppressionNamed, Query()]
) -> Response:
    """By value: `?email=`, `phone`, `domain` or `external_id`; with `reason` that one only. The answer has what was lifted."""
    return json_answer(await suppressing.lift(connection, suppressing.named(query.model_dump()), query.reason, by))
