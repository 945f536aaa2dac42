"""Custom attributes over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.paging import Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.attributes import operations
from service.leads.attributes.schemas import AttributeCreate, AttributeListOut, AttributeOut, AttributePatch

router = APIRouter(prefix="/v1/attributes", route_class=ServiceRoute, tags=["attributes"])

AttributeKey = Annotated[str, Path(min_length=1, max_length=100)]
_LISTED: dict[str, Any] = {"list": "attributes"}


@router.get(
    "",
    operation_id="list_attributes",
    summary="List custom attributes",
    response_model=AttributeListOut,
    dependencies=[require("leads:read")],
)
async def list_attributes(
    request: Request, response: Response, connection: ReadConnection, paging: Paging
) -> dict[str, Any]:
    """Those that were defined, and those that leads have all the same, with a guess at their type. Reads every lead that has any."""
    after = paging.after(_LISTED, str)
    found = await operations.list_attributes(connection, after=after[0] if after else None, limit=paging.limit + 1)
    return paginate(
        found, request=request, response=response, paging=paging, filters=_LISTED, key=lambda one: [one["key"]]
    )


@router.post(
    "",
    operation_id="define_attribute",
    summary="Define a custom attribute",
    status_code=201,
    response_model=AttributeOut,
    dependencies=[require("admin")],
)
async def define_attribute(body: AttributeCreate, connection: Connection) -> Response:
    """From now on the API refuses values of another type; webhooks and imports put them aside. What leads have already stays."""
    return json_answer(await operations.define(connection, body, now=now()), status=201)


@router.get(
    "/{key:path}",
    operation_id="read_attribute",
    summary="Read a custom attribute",
    response_model=AttributeOut,
    dependencies=[require("leads:read")],
)
async def read_attribute(key: AttributeKey, connection: ReadConnection) -> Response:
    """Also one that leads have without a definition."""
    return json_answer(await operations.read_attribute(connection, key))


@router.patch(
    "/{key:path}",
    operation_id="amend_attribute",
    summary="Amend a custom attribute (JSON Merge Patch)",
    response_model=AttributeOut,
    dependencies=[require("admin")],
)
async def amend_attribute(key: AttributeKey, body: AttributePatch, connection: Connection) -> Response:
    """Its label and its choices; a choice that is taken away stays with the leads that have it."""
    return json_answer(await operations.amend(connection, key, body, now=now()))


@router.delete(
    "/{key:path}",
    operation_id="delete_attribute",
    summary="Delete the definition of a custom attribute",
    status_code=204,
    response_class=Response,
    dependencies=[require("admin")],
)
async def delete_attribute(key: AttributeKey, connection: Connection) -> None:
    """The values stay with their leads, and are listed as undefined."""
    await operations.drop(connection, key)
