"""Teams and the rules of assignment, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import Caller, require
from service.core.http.etags import IfMatch, strong
from service.core.http.paging import Page, Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.operations import Writer
from service.nurture.assignment import teams
from service.nurture.assignment.checking import check_rules
from service.nurture.assignment.rules import ASSIGNMENT_RULES, TeamBody
from service.nurture.assignment.schemas import TeamOut
from service.nurture.rule_routes import rule_routes

router: Final = APIRouter(prefix="/v1/teams", route_class=ServiceRoute, tags=["assignment"])

rules_router: Final = rule_routes(
    ASSIGNMENT_RULES,
    noun="rules of assignment",
    tag="assignment",
    description="Who gets which lead, and when it is taken back. The first rule that is for a lead decides.",
    check=check_rules,
)

Key = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
_LISTED: Final[dict[str, Any]] = {"list": "teams"}


@router.get(
    "",
    operation_id="list_teams",
    summary="List teams",
    response_model=Page[TeamOut],
    dependencies=[require("leads:read")],
)
async def list_teams(
    request: Request, response: Response, connection: ReadConnection, paging: Paging
) -> dict[str, Any]:
    """By their keys, with what their members have open, and whose turn is how near."""
    after = paging.after(_LISTED, str)
    found = await teams.list_teams(connection, after=after[0] if after else None, limit=paging.limit + 1, now=now())
    return paginate(
        found, request=request, response=response, paging=paging, filters=_LISTED, key=lambda one: [one["key"]]
    )


@router.get(
    "/{key}",
    operation_id="read_team",
    summary="Read a team",
    response_model=TeamOut,
    dependencies=[require("leads:read")],
)
async def read_team(key: Key, connection: ReadConnection) -> Response:
    """With what its members have open, and whose turn is how near."""
    return _answer(await teams.read_team(connection, key, now=now()))


@router.put(
    "/{key}",
    operation_id="put_team",
    summary="Create or replace a team",
    response_model=TeamOut,
    responses={201: {"model": TeamOut, "description": "Created"}},
)
async def put_team(
    key: Key,
    body: TeamBody,
    connection: Connection,
    caller: Annotated[Caller, require("admin")],
    precondition: IfMatch,
) -> Response:
    """As a whole. Who is new, or back from leave, gets their share from then on, and nothing for the time before."""
    writer = Writer(actor=f"key:{caller.name}", now=now(), precondition=precondition)
    team, created = await teams.put_team(connection, key, body, writer)
    return _answer(team, status=201 if created else 200)


@router.delete("/{key}", operation_id="delete_team", summary="Delete a team", status_code=204, response_class=Response)
async def delete_team(
    key: Key, connection: Connection, caller: Annotated[Caller, require("admin")], precondition: IfMatch
) -> None:
    """Leads stay whose they are. Refused with 409 while rules name the team."""
    writer = Writer(actor=f"key:{caller.name}", now=now(), precondition=precondition)
    await teams.drop_team(connection, key, writer)


def _answer(team: dict[str, Any], *, status: int = 200) -> Response:
    headers = {"ETag": strong(team["version"])} | ({"Location": f"/v1/teams/{team['key']}"} if status == 201 else {})
    return json_answer(team, status=status, headers=headers)
