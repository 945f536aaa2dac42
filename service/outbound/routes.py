"""The change feed over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from service.core.http import auth
from service.core.http.routing import ReadConnection, ServiceRoute
from service.outbound import feed
from service.outbound.catalogue import EVENT_TYPES
from service.outbound.schemas import EventOut, EventPage, EventQuery, EventTypeList

router = APIRouter(prefix="/v1", tags=["events"], route_class=ServiceRoute, dependencies=[auth.require("leads:read")])


@router.get("/events", operation_id="list_events", summary="Follow every change, in order", response_model=EventPage)
async def list_events(
    query: Annotated[EventQuery, Query()], connection: ReadConnection, request: Request, response: Response
) -> dict[str, Any]:
    """Return the events after a cursor, oldest first.

    A reader that always asks with the last `next_cursor` sees every event exactly once, and each lead's events in the order of their
    `sequence`, whatever is written in the meantime. An event shows up when every transaction older than its own has ended.
    """
    page = await feed.read_feed(connection, query)
    if len(page["data"]) == query.limit:
        response.headers["Link"] = _link_to_next(request, page["next_cursor"])
    return page


@router.get("/events/{event_id}", operation_id="get_event", summary="Read one event", response_model=EventOut)
async def get_event(event_id: UUID, connection: ReadConnection) -> dict[str, Any]:
    """Return one event by its id."""
    return await feed.read_event(connection, event_id)


@router.get(
    "/event-types", operation_id="list_event_types", summary="What events there are", response_model=EventTypeList
)
async def list_event_types() -> dict[str, Any]:
    """Return every type of event with its JSON Schema and an example."""
    return _EVENT_TYPES


_EVENT_TYPES: Final = {"data": [asdict(kind) for kind in EVENT_TYPES.values()], "next_cursor": None}


def _link_to_next(request: Request, cursor: str) -> str:
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    return f'<{request.url.path}?{urlencode([*others, ("after", cursor)])}>; rel="next"'
