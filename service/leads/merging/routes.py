"""Merging over HTTP."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.etags import strong
from service.core.http.paging import Page, Paging
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.merging import merge, operations, undo
from service.leads.merging.schemas import MergeCreate, MergeDoneOut, MergeOut, MergeRules, MergeRulesOut, UndoneOut
from service.leads.routes import By

router = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["merges"])

Reader = require("leads:read")


def _done(merged: dict[str, Any], *, status: int = 200) -> Response:
    return json_answer(merged, status=status, headers={"ETag": strong(merged["lead"]["version"])})


@router.post(
    "/leads/{lead_id}/merge",
    operation_id="merge_lead",
    summary="Merge a duplicate into a lead",
    status_code=201,
    response_model=MergeDoneOut,
)
async def merge_lead(lead_id: UUID, body: MergeCreate, connection: Connection, by: By) -> Response:
    """The two ledgers are woven by time; the duplicate's address answers 308 from then on. It can be undone."""
    why = None if body.why is None else {"note": body.why}
    merged = await merge.merge_leads(connection, lead_id, body.duplicate_id, by, why=why, fields=body.fields)
    return _done(merged, status=201)


@router.get(
    "/merges",
    operation_id="list_merges",
    summary="List merges",
    response_model=Page[MergeOut],
    dependencies=[Reader],
)
async def list_merges(
    request: Request,
    response: Response,
    connection: ReadConnection,
    paging: Paging,
    lead_id: Annotated[UUID | None, Query(description="Of this lead, as survivor or as duplicate")] = None,
    active: Annotated[bool | None, Query(description="Only those that hold, or only those undone")] = None,
) -> dict[str, Any]:
    """The latest first."""
    return await operations.list_page(connection, request, response, paging, lead_id=lead_id, active=active)


@router.get(
    "/merges/{merge_id}",
    operation_id="read_merge",
    summary="Read a merge",
    response_model=MergeOut,
    dependencies=[Reader],
)
async def read_merge(merge_id: UUID, connection: ReadConnection) -> Response:
    """With the steps of both ledgers that could not be woven, and why."""
    return json_answer(await operations.read_merge(connection, merge_id))


@router.post(
    "/merges/{merge_id}/undo",
    operation_id="undo_merge",
    summary="Make two leads of one again",
    response_model=UndoneOut,
)
async def undo_merge(merge_id: UUID, connection: Connection, by: By) -> Response:
    """What was recorded since stays with the survivor. `If-Match` is about the survivor's version."""
    return _done(await undo.undo_merge(connection, merge_id, by))


@router.get(
    "/merge-rules",
    operation_id="read_merge_rules",
    summary="Read by which rules fields survive a merge",
    response_model=MergeRulesOut,
    dependencies=[Reader],
)
async def read_merge_rules(connection: ReadConnection) -> Response:
    """For every field, and for some their own."""
    return json_answer(await operations.read_rules(connection))


@router.put(
    "/merge-rules",
    operation_id="write_merge_rules",
    summary="Set by which rules fields survive a merge",
    response_model=MergeRulesOut,
    dependencies=[require("admin")],
)
async def write_merge_rules(body: MergeRules, connection: Connection) -> Response:
    """They hold for merges from now on."""
    return json_answer(await operations.write_rules(connection, body))
