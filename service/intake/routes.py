"""Channels and deliveries, for people. The addresses vendors send to are in ``webhooks.py``."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from service.core import clock
from service.core.http import auth
from service.core.http.paging import Page, Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.intake import administration, deliveries, store
from service.intake.channel_types import channel_types
from service.intake.reception import Reception
from service.intake.schemas import (
    ChannelCreate,
    ChannelCreatedOut,
    ChannelDetailOut,
    ChannelOut,
    ChannelPatch,
    ChannelTypesOut,
    DeliveryBriefOut,
    DeliveryOut,
    Instant,
    ReplayCreate,
    ReplayOut,
    Status,
)
from service.intake.trial_schemas import TrialCreate, TrialOut
from service.intake.trying import try_channel

router = APIRouter(prefix="/v1", route_class=ServiceRoute, dependencies=[auth.require("admin")])

_CHANNELS: Final = "channels"
_DELIVERIES: Final = "deliveries"


async def _filters(
    channel: Annotated[str | None, Query(max_length=63)] = None,
    status: Status | None = None,
    reason: Annotated[str | None, Query(max_length=200)] = None,
    since: Annotated[Instant | None, Query(description="Received at or after")] = None,
    until: Annotated[Instant | None, Query(description="Received before")] = None,
) -> dict[str, Any]:
    return {"channel": channel, "status": status, "reason": reason, "since": since, "until": until}


Filters = Annotated[dict[str, Any], Depends(_filters)]


@router.get(
    "/channel-types", operation_id="list_channel_types", summary="The vendors that are understood", tags=[_CHANNELS]
)
async def list_channel_types() -> ChannelTypesOut:
    """Return every vendor with the JSON Schema of its settings."""
    return ChannelTypesOut.model_validate({"data": channel_types()})


@router.get("/channels", operation_id="list_channels", summary="List channels", tags=[_CHANNELS])
async def list_channels(
    connection: ReadConnection, request: Request, response: Response, paging: Paging
) -> Page[ChannelOut]:
    """Return channels by key."""
    after = paging.after({}, str)
    rows = await store.list_channels(connection, after=after[0] if after else None, limit=paging.limit + 1)
    page = paginate(rows, request=request, response=response, paging=paging, filters={}, key=lambda row: [row["key"]])
    shown = [administration.channel_out(row, base=_base(request)) for row in page["data"]]
    return Page[ChannelOut].model_validate(page | {"data": shown})


@router.post("/channels", operation_id="create_channel", summary="Create a channel", status_code=201, tags=[_CHANNELS])
async def create_channel(connection: Connection, request: Request, body: ChannelCreate) -> ChannelCreatedOut:
    """Create a way in for leads; the answer has the address, the secret if one was made, and a line to try it with."""
    channel = await administration.create_channel(connection, body, now=clock.now(), base=_base(request))
    return ChannelCreatedOut.model_validate(channel)


@router.get("/channels/{key}", operation_id="get_channel", summary="Read a channel", tags=[_CHANNELS])
async def get_channel(
    connection: ReadConnection,
    request: Request,
    key: str,
    since: Annotated[Instant | None, Query(description="Count from this day on (UTC); 30 days if absent")] = None,
) -> ChannelDetailOut:
    """Return a channel and how it is doing."""
    # What this process has refused and not yet written down counts too.
    await _reception(request).refusals.flush(connection)
    channel = await administration.read_channel(connection, key, now=clock.now(), base=_base(request), since=since)
    return ChannelDetailOut.model_validate(channel)


@router.patch("/channels/{key}", operation_id="update_channel", summary="Change a channel", tags=[_CHANNELS])
async def update_channel(connection: Connection, request: Request, key: str, body: ChannelPatch) -> ChannelOut:
    """Apply a JSON Merge Patch. Other API processes know of it within two seconds."""
    channel = await administration.change_channel(connection, key, body, now=clock.now(), base=_base(request))
    _reception(request).directory.forget(key)
    return ChannelOut.model_validate(channel)


@router.delete(
    "/channels/{key}", operation_id="delete_channel", summary="Delete a channel", status_code=204, tags=[_CHANNELS]
)
async def delete_channel(connection: Connection, request: Request, key: str) -> None:
    """Close a way in; its deliveries and leads stay."""
    await administration.delete_channel(connection, key, now=clock.now())
    _reception(request).directory.forget(key)


@router.post("/channels/{key}/test", operation_id="test_channel", summary="Try a delivery", tags=[_CHANNELS])
async def test_channel(connection: Connection, key: str, body: TrialCreate) -> TrialOut:
    """Run a delivery through the channel's translation, mapping, cleaning and matching, show what would come of it, and store nothing."""
    return TrialOut.model_validate(await try_channel(connection, key, body, now=clock.now()))


@router.get("/deliveries", operation_id="list_deliveries", summary="List deliveries", tags=[_DELIVERIES])
async def list_deliveries(
    connection: ReadConnection, request: Request, response: Response, paging: Paging, filters: Filters
) -> Page[DeliveryBriefOut]:
    """Return deliveries, the latest first."""
    before = paging.after(filters, UUID)
    limit = paging.limit + 1
    rows = await store.list_deliveries(connection, filters=filters, before=before[0] if before else None, limit=limit)
    page = paginate(
        rows, request=request, response=response, paging=paging, filters=filters, key=lambda row: [row["id"]]
    )
    return Page[DeliveryBriefOut].model_validate(page)


@router.get("/deliveries/{delivery_id}", operation_id="get_delivery", summary="Read a delivery", tags=[_DELIVERIES])
async def get_delivery(connection: ReadConnection, delivery_id: UUID) -> DeliveryOut:
    """Return a delivery as it arrived, without its credentials, and what became of it."""
    return DeliveryOut.model_validate(await deliveries.read_delivery(connection, delivery_id))


@router.post(
    "/deliveries/replay",
    operation_id="replay_deliveries",
    summary="Process many deliveries again",
    status_code=202,
    tags=[_DELIVERIES],
)
async def replay_deliveries(connection: Connection, body: ReplayCreate) -> ReplayOut:
    """Put every delivery of a filter back into the queue. What a delivery has come to already is not done again."""
    return ReplayOut.model_validate(await deliveries.replay_many(connection, body))


@router.post(
    "/deliveries/{delivery_id}/replay",
    operation_id="replay_delivery",
    summary="Process a delivery again",
    status_code=202,
    tags=[_DELIVERIES],
)
async def replay_delivery(connection: Connection, delivery_id: UUID) -> DeliveryOut:
    """Put a delivery back into the queue. What it has come to already is not done again."""
    return DeliveryOut.model_validate(await deliveries.replay_one(connection, delivery_id))


def _base(request: Request) -> str:
    public = request.app.state.settings.public_url
    return str(public or request.base_url).rstrip("/")


def _reception(request: Request) -> Reception:
    reception: Reception = request.app.state.reception
    return reception
