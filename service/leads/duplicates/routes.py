"""Leads that may be the same person, over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.paging import Paging
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.duplicates import operations, rules
from service.leads.duplicates.schemas import (
    DuplicateListOut,
    DuplicateMerge,
    DuplicateOut,
    MatchingRules,
    MatchingRulesOut,
    Status,
)
from service.leads.merging.schemas import MergeDoneOut
from service.leads.routes import OfNoVersion

router = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["duplicates"])

_READER = [require("leads:read")]
_ADMIN = [require("admin")]


@router.get(
    "/duplicates",
    operation_id="list_duplicates",
    summary="List leads that may be the same person",
    response_model=DuplicateListOut,
    dependencies=_READER,
)
async def list_duplicates(
    request: Request,
    response: Response,
    connection: ReadConnection,
    paging: Paging,
    status: Annotated[Status, Query(description="`pending` ones are being merged without asking")] = "open",
    min_score: Annotated[float, Query(ge=0, le=1, description="The least probability that they are one")] = 0,
    lead_id: Annotated[UUID | None, Query(description="Only pairs of this lead")] = None,
) -> Response:
    """The most alike first, each with what speaks for it and against it, field by field."""
    page = await operations.list_pairs(
        connection, request, response, paging=paging, status=status, min_score=min_score, lead_id=lead_id
    )
    link = response.headers.get("Link")
    return json_answer(page, headers={"Link": link} if link else None)


@router.get(
    "/duplicates/{duplicate_id}",
    operation_id="read_duplicate",
    summary="Read a pair of leads that may be the same person",
    response_model=DuplicateOut,
    dependencies=_READER,
)
async def read_duplicate(duplicate_id: UUID, connection: ReadConnection) -> Response:
    """With both leads as they are now."""
    return json_answer(await operations.read_pair(connection, duplicate_id))


@router.post(
    "/duplicates/{duplicate_id}/merge",
    operation_id="merge_duplicate",
    summary="Merge a pair: they are one person",
    status_code=201,
    response_model=MergeDoneOut,
)
async def merge_duplicate(
    duplicate_id: UUID, connection: Connection, by: OfNoVersion, body: DuplicateMerge | None = None
) -> Response:
    """The older lead lives on unless the body says otherwise. It can be undone: `POST /v1/merges/{id}/undo`."""
    done = await operations.merge_pair(connection, duplicate_id, body or DuplicateMerge(), by)
    return json_answer(done, status=201, headers={"Location": f"/v1/merges/{done['id']}"})


@router.post(
    "/duplicates/{duplicate_id}/dismiss",
    operation_id="dismiss_duplicate",
    summary="Dismiss a pair: they are two people",
    response_model=DuplicateOut,
)
async def dismiss_duplicate(duplicate_id: UUID, connection: Connection, by: OfNoVersion) -> Response:
    """The pair is not brought up again, whatever becomes of the leads; dismissing it twice changes nothing."""
    return json_answer(await operations.dismiss_pair(connection, duplicate_id, by))


@router.get(
    "/matching-rules",
    operation_id="read_matching_rules",
    summary="Read how leads that may be the same person are found",
    response_model=MatchingRulesOut,
    dependencies=_READER,
)
async def read_matching_rules(connection: ReadConnection) -> Response:
    """The defaults hold where nobody wrote any."""
    return json_answer((await rules.matching_rules(connection)).model_dump())


@router.put(
    "/matching-rules",
    operation_id="replace_matching_rules",
    summary="Replace how leads that may be the same person are found",
    response_model=MatchingRulesOut,
    dependencies=_ADMIN,
)
async def replace_matching_rules(body: MatchingRules, connection: Connection) -> Response:
    """They hold for leads that come or change from now on; what is absent is as by default."""
    return json_answer(await rules.replace_rules(connection, body, now=now()))
