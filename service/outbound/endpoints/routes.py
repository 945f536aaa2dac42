"""Webhook endpoints over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from service.core import clock
from service.core.http import auth
from service.core.http.paging import Page, Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.core.ids import NIL
from service.outbound.endpoints import operations, sending_again, store
from service.outbound.endpoints.operations import endpoint_out, existing_endpoint
from service.outbound.endpoints.schemas import (
    AttemptOut,
    EndpointCreate,
    EndpointCreatedOut,
    EndpointDetailOut,
    EndpointOut,
    EndpointPatch,
    EndpointReplayCreate,
    EndpointReplayOut,
    MessageOut,
    ResendCreate,
    ResendOut,
    RotateCreate,
    State,
    Status,
    TestCreate,
)

router: Final = APIRouter(
    prefix="/v1", route_class=ServiceRoute, tags=["webhooks"], dependencies=[auth.require("admin")]
)

_AT: Final = "/webhook-endpoints/{endpoint_id}"


async def _attempt_filters(
    event_id: Annotated[UUID | None, Query(description="Only tries to deliver this event")] = None,
    outcome: Annotated[
        Literal["delivered", "failed"] | None, Query(description="Only what was, or was not, taken")
    ] = None,
    status: Annotated[int | None, Query(ge=100, le=999, description="Only what was answered so")] = None,
) -> dict[str, Any]:
    return {"event_id": event_id, "outcome": outcome, "status": status}


@router.get("/webhook-endpoints", operation_id="list_webhook_endpoints", summary="List webhook endpoints")
async def list_webhook_endpoints(
    connection: ReadConnection, request: Request, response: Response, paging: Paging, status: Status | None = None
) -> Page[EndpointOut]:
    """Return endpoints, the oldest first."""
    filters = {"status": status}
    after = paging.after(filters, UUID)
    limit = paging.limit + 1
    rows = await store.list_endpoints(connection, status=status, after=after[0] if after else None, limit=limit)
    page = paginate(
        rows, request=request, response=response, paging=paging, filters=filters, key=lambda row: [row["id"]]
    )
    return Page[EndpointOut].model_validate(page | {"data": [endpoint_out(row) for row in page["data"]]})


@router.post(
    "/webhook-endpoints", operation_id="create_webhook_endpoint", summary="Create a webhook endpoint", status_code=201
)
async def create_webhook_endpoint(connection: Connection, request: Request, body: EndpointCreate) -> EndpointCreatedOut:
    """Send events to an address from now on. The answer has the secret that signs them; it is never shown again."""
    state = request.app.state
    made = await operations.create_endpoint(
        connection, body, now=clock.now(), guard=state.outbound_guard, choose=state.choose
    )
    return EndpointCreatedOut.model_validate(made)


@router.get(_AT, operation_id="get_webhook_endpoint", summary="Read a webhook endpoint")
async def get_webhook_endpoint(connection: ReadConnection, endpoint_id: UUID) -> EndpointDetailOut:
    """Return an endpoint and how it is doing."""
    return EndpointDetailOut.model_validate(await operations.read_endpoint(connection, endpoint_id, now=clock.now()))


@router.patch(_AT, operation_id="update_webhook_endpoint", summary="Change a webhook endpoint")
async def update_webhook_endpoint(
    connection: Connection, request: Request, endpoint_id: UUID, body: EndpointPatch
) -> EndpointOut:
    """Apply a JSON Merge Patch; its worker goes by it within a second. `status: enabled` goes on where it was switched off."""
    state = request.app.state
    changed = await operations.change_endpoint(
        connection, endpoint_id, body, now=clock.now(), guard=state.outbound_guard, choose=state.choose
    )
    return EndpointOut.model_validate(changed)


@router.delete(_AT, operation_id="delete_webhook_endpoint", summary="Delete a webhook endpoint", status_code=204)
async def delete_webhook_endpoint(connection: Connection, endpoint_id: UUID) -> None:
    """Send nothing more to it; what was under way may still arrive."""
    await operations.delete_endpoint(connection, endpoint_id, now=clock.now())


@router.post(_AT + "/rotate-secret", operation_id="rotate_webhook_secret", summary="Rotate an endpoint's secret")
async def rotate_webhook_secret(
    connection: Connection, endpoint_id: UUID, body: Annotated[RotateCreate | None, Body()] = None
) -> EndpointCreatedOut:
    """Give it a new secret. For 24 hours every delivery is signed with both."""
    secret = body.secret if body else None
    rotated = await operations.rotate_secret(connection, endpoint_id, secret, now=clock.now())
    return EndpointCreatedOut.model_validate(rotated)


@router.post(_AT + "/test", operation_id="test_webhook_endpoint", summary="Send an example")
async def try_webhook_endpoint(
    request: Request, endpoint_id: UUID, body: Annotated[TestCreate | None, Body()] = None
) -> AttemptOut:
    """Send an example event now, signed as every other, and answer with what came of it. It is tried once."""
    state = request.app.state
    type_ = body.type if body else None
    tried = await sending_again.send_test(state.engine, state.sender, endpoint_id, type_, now=clock.now())
    return AttemptOut.model_validate(tried)


@router.post(
    _AT + "/replay", operation_id="replay_webhook_endpoint", summary="Send a part of the feed again", status_code=202
)
async def replay_webhook_endpoint(
    connection: Connection, endpoint_id: UUID, body: EndpointReplayCreate
) -> EndpointReplayOut:
    """Send again what was recorded in a time: the same events with the same ids, each lead's in order, beside what is new."""
    return EndpointReplayOut.model_validate(await sending_again.replay(connection, endpoint_id, body, now=clock.now()))


@router.get(_AT + "/attempts", operation_id="list_webhook_attempts", summary="List what was tried")
async def list_webhook_attempts(
    connection: ReadConnection,
    request: Request,
    response: Response,
    endpoint_id: UUID,
    paging: Paging,
    filters: Annotated[dict[str, Any], Depends(_attempt_filters)],
) -> Page[AttemptOut]:
    """Return tries of the last 30 days, the latest first."""
    await existing_endpoint(connection, endpoint_id)
    bound, limit = {**filters, "endpoint": endpoint_id}, paging.limit + 1
    before = (paging.after(bound, UUID) or [None])[0]
    rows = await store.list_attempts(connection, endpoint_id, filters=filters, before=before, limit=limit)
    page = paginate(rows, request=request, response=response, paging=paging, filters=bound, key=lambda row: [row["id"]])
    return Page[AttemptOut].model_validate(page | {"data": [sending_again.attempt_out(row) for row in page["data"]]})


@router.get(_AT + "/queue", operation_id="list_webhook_queue", summary="List what failed")
async def list_webhook_queue(
    connection: ReadConnection,
    request: Request,
    response: Response,
    endpoint_id: UUID,
    paging: Paging,
    state: State | None = None,
) -> Page[MessageOut]:
    """Return the events that failed and those that wait behind them, in the order of the feed; what goes well is never here."""
    await existing_endpoint(connection, endpoint_id)
    bound, limit = {"state": state, "endpoint": endpoint_id}, paging.limit + 1
    after = paging.after(bound, int, int, UUID)
    rows = await store.list_queue(connection, endpoint_id, state=state, after=after, limit=limit)
    page = paginate(rows, request=request, response=response, paging=paging, filters=bound, key=_place)
    return Page[MessageOut].model_validate(page | {"data": [_message(row) for row in page["data"]]})


@router.post(
    "/events/{event_id}/resend", operation_id="resend_event", summary="Send an event once more", status_code=202
)
async def resend_event(
    connection: Connection, request: Request, event_id: UUID, body: Annotated[ResendCreate | None, Body()] = None
) -> ResendOut:
    """Send an event again, with the same id: to one endpoint, or to all that want it. It is tried as often as any other."""
    endpoint_id = body.endpoint_id if body else None
    sent = await sending_again.resend(
        connection, event_id, endpoint_id, now=clock.now(), choose=request.app.state.choose
    )
    return ResendOut.model_validate(sent)


def _place(row: dict[str, Any]) -> list[Any]:
    return [row["position"], row["sequence"], row["event_id"]]


def _message(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "lead_id": None if row["lead_id"] == NIL else row["lead_id"]}
