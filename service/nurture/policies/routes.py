"""Policies over HTTP: the set itself, what it did, what it would have done, and the leads it must leave alone."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from service.core import clock
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.paging import Page, Paging
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.fields import Instant
from service.leads.routes import By
from service.nurture.policies import operations, replaying
from service.nurture.policies.answers import FiringOut, Outcome, ParkedOut, PoliciesTrialOut, PolicyStatisticsOut
from service.nurture.policies.checking import check
from service.nurture.policies.schemas import POLICIES, DryRun, PolicyKey
from service.nurture.rule_routes import rule_routes

rules_router = rule_routes(
    POLICIES,
    noun="policies",
    tag="policies",
    description="In the order in which they are tried. `warnings` says which of them could move a lead in a circle.",
    check=check,
)
router = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["policies"])

_READER = [require("leads:read")]


@router.get(
    "/policies/firings",
    operation_id="list_policy_firings",
    summary="List what policies did, and why",
    response_model=Page[FiringOut],
    dependencies=_READER,
)
async def list_firings(
    request: Request,
    response: Response,
    connection: ReadConnection,
    paging: Paging,
    lead_id: Annotated[UUID | None, Query(description="Only of this lead")] = None,
    policy: Annotated[PolicyKey | None, Query(description="Only of this policy")] = None,
    outcome: Annotated[Outcome | None, Query(description="Only with this outcome")] = None,
    since: Annotated[Instant | None, Query(description="Only from this instant on")] = None,
) -> Response:
    """The latest first. `version` is that of the policies it fired under: `GET /v1/policies/versions`."""
    filters = {"lead_id": lead_id, "policy": policy, "outcome": outcome, "since": since}
    page = await operations.list_firings(connection, request, response, paging, filters)
    return _page(page, response)


@router.get(
    "/policies/parked",
    operation_id="list_parked_leads",
    summary="List the leads that policies must not move any more",
    response_model=Page[ParkedOut],
    dependencies=_READER,
)
async def list_parked(request: Request, response: Response, connection: ReadConnection, paging: Paging) -> Response:
    """The latest first, each with the policy that wanted to move it once more, and why it was not let."""
    return _page(await operations.list_parked(connection, request, response, paging), response)


@router.get(
    "/policies/statistics",
    operation_id="read_policy_statistics",
    summary="Count what policies did",
    response_model=PolicyStatisticsOut,
    dependencies=_READER,
)
async def read_statistics(
    connection: ReadConnection, days: Annotated[int, Query(ge=1, le=3650, description="Of so many days")] = 30
) -> Response:
    """By policy and outcome. A firing counts once, by the weightiest of its actions."""
    return json_answer(await operations.statistics(connection, days=days, now=clock.now()))


@router.post(
    "/policies/dry-run",
    operation_id="dry_run_policies",
    summary="Try policies on what happened",
    response_model=PoliciesTrialOut,
    dependencies=_READER,
)
async def dry_run_policies(body: DryRun, connection: ReadConnection) -> Response:
    """Replays the past with these policies in force, changes nothing, and compares with what really happened.

    What people and channels did is kept where it is still legal, what policies did is left out. Between the same two instants the same
    policies always come to the same answer.
    """
    return json_answer(await replaying.dry_run(connection, body, now=clock.now()))


@router.post(
    "/leads/{lead_id}/unpark",
    operation_id="unpark_lead",
    summary="Let policies move a parked lead again",
    response_model=ParkedOut,
)
async def unpark_lead(lead_id: UUID, connection: Connection, by: By) -> Response:
    """They look at it at once, and its moves are counted anew: a lead that still runs in a circle is soon parked again."""
    return json_answer(await operations.unpark(connection, lead_id, by))


def _page(page: dict[str, object], response: Response) -> Response:
    link = response.headers.get("Link")
    return json_answer(page, headers={"Link": link} if link else None)
