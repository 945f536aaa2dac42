"""Accounts over HTTP."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import Caller, require
from service.core.http.etags import IfMatch
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.operations import Writer
from service.leads.reading import Listing
from service.nurture.accounts import answering, reading, saying, trying
from service.nurture.accounts.schemas import (
    AccountCountsOut,
    AccountDetailOut,
    AccountListOut,
    AccountQuery,
    AccountTiersTrialOut,
    EngagementOut,
    EngagementQuery,
    PeopleOut,
    PeopleQuery,
    PersonOut,
    RoleHistoryOut,
    RoleSaid,
)
from service.nurture.accounts.tiers import ACCOUNT_TIERS, AccountTiers
from service.nurture.rule_routes import rule_routes

router: Final = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["accounts"])
tiers: Final = rule_routes(
    ACCOUNT_TIERS,
    noun="rules for account tiers",
    tag="accounts",
    description="Tiers in the order they are tried: the first whose conditions an account meets is its own.",
)

_READER: Final = [require("leads:read")]
AccountId = Annotated[
    str, Path(min_length=1, max_length=300, description="The company's domain", examples=["acme.com"])
]


async def _writer(caller: Annotated[Caller, require("leads:write")], precondition: IfMatch) -> Writer:
    return Writer(actor=f"key:{caller.name}", now=now(), precondition=precondition)


By = Annotated[Writer, Depends(_writer)]


@router.get(
    "/accounts",
    operation_id="list_accounts",
    summary="List, filter and search accounts",
    response_model=AccountListOut,
    dependencies=_READER,
)
async def list_accounts(
    request: Request, connection: ReadConnection, query: Annotated[AccountQuery, Query()]
) -> Response:
    """An account is all leads of one company, told by its domain, counted from them at this moment. Test leads are left out."""
    return answering.accounts(request, query, await reading.list_accounts(connection, query, answering.bound(request)))


@router.get(
    "/accounts/{account_id}",
    operation_id="read_account",
    summary="Read an account",
    response_model=AccountDetailOut,
    dependencies=_READER,
)
async def read_account(
    account_id: AccountId, connection: ReadConnection, query: Annotated[EngagementQuery, Query()]
) -> Response:
    """What the company is, who is known of it, who of its buyers is missing, what is open and won, and what happened over time."""
    return json_answer(await reading.read_account(connection, account_id, query, now=now()))


@router.get(
    "/accounts/{account_id}/people",
    operation_id="list_account_people",
    summary="List the people of an account",
    response_model=PeopleOut,
    dependencies=_READER,
)
async def list_account_people(
    account_id: AccountId, request: Request, connection: ReadConnection, query: Annotated[PeopleQuery, Query()]
) -> Response:
    """Each with how far they came, and their buying role: as somebody said, or as the job title suggests."""
    rows = await reading.list_people(connection, account_id, query, answering.bound(request))
    return answering.people(request, query, rows)


@router.get(
    "/accounts/{account_id}/engagement",
    operation_id="read_account_engagement",
    summary="Read what happened with an account over time",
    response_model=EngagementOut,
    dependencies=_READER,
)
async def read_account_engagement(
    account_id: AccountId, connection: ReadConnection, query: Annotated[EngagementQuery, Query()]
) -> Response:
    """Activities, touchpoints and how many people were engaged, by day, week, month or quarter of a time zone."""
    return json_answer(await reading.read_engagement(connection, account_id, query, now=now()))


@router.put(
    "/accounts/{account_id}/people/{lead_id}/role",
    operation_id="say_buying_role",
    summary="Say what somebody's buying role is",
    response_model=PersonOut,
)
async def say_buying_role(
    account_id: AccountId, lead_id: UUID, body: RoleSaid, connection: Connection, by: By
) -> Response:
    """It holds until something else is said, whatever the job title suggests. Saying it again changes nothing."""
    return json_answer(await saying.say_role(connection, account_id, lead_id, body, by))


@router.delete(
    "/accounts/{account_id}/people/{lead_id}/role",
    operation_id="take_back_buying_role",
    summary="Take back what was said of somebody's buying role",
    status_code=204,
    response_class=Response,
)
async def take_back_buying_role(account_id: AccountId, lead_id: UUID, connection: Connection, by: By) -> None:
    """What the job title suggests shows again; that something else was said once is remembered."""
    await saying.take_back(connection, account_id, lead_id, by)


@router.get(
    "/accounts/{account_id}/people/{lead_id}/role/history",
    operation_id="list_buying_roles",
    summary="List what was said of somebody's buying role",
    response_model=Listing[RoleHistoryOut],
    dependencies=_READER,
)
async def list_buying_roles(account_id: AccountId, lead_id: UUID, connection: ReadConnection) -> Response:
    """Oldest first, with what was said of leads that were merged into this one."""
    return json_answer(await reading.read_history(connection, account_id, lead_id))


@router.post(
    "/account-tiers/dry-run",
    operation_id="try_account_tiers",
    summary="Try rules for account tiers",
    response_model=AccountTiersTrialOut,
    dependencies=[require("admin")],
)
async def try_account_tiers(body: AccountTiers, connection: ReadConnection) -> Response:
    """How many accounts would be of which tier, and which would change. Nothing is changed."""
    return json_answer(await trying.try_rules(connection, body, now=now()))


@router.get(
    "/stats/accounts",
    operation_id="stats_accounts",
    summary="Count accounts by tier and by how far they came",
    response_model=AccountCountsOut,
    dependencies=[require("stats:read")],
)
async def stats_accounts(connection: ReadConnection) -> Response:
    """An account came as far as the furthest of its people."""
    return json_answer(await reading.count_accounts(connection))
