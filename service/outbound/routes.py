"""The change feed over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from service.core.http import auth
from service.core.http.attending import while_there
from service.core.http.routing import ReadConnection, ServiceRoute
from service.outbound import feed
from service.outbound.catalogue import EVENT_TYPES
from service.outbound.listening import listen
from service.outbound.schemas import LONGEST_CURSOR, EventOut, EventPage, EventQuery, EventTypeList, FeedQuery
from service.outbound.streaming import SCOPE, EventStream, open_stream

_STREAM: Final[dict[str, Any]] = {
    "description": "Events, until one of the two sides has enough",
    "content": {
        "text/event-stream": {
            "schema": {"type": "string", "description": "Server-sent events, as the HTML standard has them"},
            "example": 'event: lead.created\ndata: {"id": "019a…", "type": "lead.created", …}\nid: 019a…\n\n',
        }
    },
}

router = APIRouter(prefix="/v1", tags=["events"], route_class=ServiceRoute, dependencies=[auth.require(SCOPE)])


@router.get("/events", operation_id="list_events", summary="Follow every change, in order", response_model=EventPage)
async def list_events(query: Annotated[EventQuery, Query()], request: Request, response: Response) -> dict[str, Any]:
    """Return the events after a cursor, oldest first; without a cursor, from the first event on.

    A reader that always asks with the last `next_cursor` sees every event exactly once, and each lead's events in the order of their
    `sequence`, whatever is written in the meantime. An event shows up when every transaction older than its own has ended.

    With `wait`, an answer that would be empty is given as soon as there is an event, or when the time is up: ask again at once then.
    So news arrives within a fraction of a second, and an idle feed costs two requests a minute.
    """
    state = request.app.state
    page = await while_there(request, listen(state.engine, state.tail, query))
    if len(page["data"]) == query.limit:
        response.headers["Link"] = _link_to_next(request, page["next_cursor"])
    return page


@router.get(
    "/events/stream",
    operation_id="stream_events",
    summary="Be told of every change as it happens",
    status_code=200,
    response_class=EventStream,
    responses={200: _STREAM},
)
async def stream_events(
    query: Annotated[FeedQuery, Query()],
    request: Request,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            max_length=LONGEST_CURSOR,
            description="The last `id` that was received; takes precedence over `after`",
        ),
    ] = None,
) -> Response:
    """Send events as they happen, in the feed's order, as server-sent events.

    Each has the `id` of the event, its type as `event`, and as `data` one line of JSON: what `GET /v1/events/{id}` returns. The stream
    begins with the next event there will be, unless `Last-Event-ID` or `after` names an event or a cursor to go on from: with
    the `next_cursor` of a list that was read to its end (and the same filters) nothing is missed and nothing is told twice.

    Comments keep the connection alive every 15 seconds. A stream ends after ten minutes at most, when the key is revoked, and when the
    service is restarted; a client that comes back with `Last-Event-ID`, as EventSource clients do by themselves, sees every event exactly once.
    """
    return await open_stream(request, query, last_event_id)


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
