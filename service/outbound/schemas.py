"""Events on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.core.http.paging import DEFAULT_PAGE, LONGEST_PAGE

LONGEST_CURSOR: Final = 4000
SEQUENCE: Final = "The lead's version after this event: 1, 2, 3 … without gaps; 0 for an event that belongs to no lead"


class FeedQuery(BaseModel):
    """From where on the change feed is asked for, and what of it."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[
        str | None,
        Field(max_length=LONGEST_CURSOR, description="`next_cursor` of the answer before, or the id of an event"),
    ] = None
    type: Annotated[list[str], Field(max_length=50, description="Only these types; may be repeated")] = []
    lead_id: Annotated[UUID | None, Field(description="Only the events of this lead")] = None


class EventQuery(FeedQuery):
    """What part of the change feed is asked for; without ``after`` it begins with the first event there is."""

    limit: Annotated[int, Field(ge=1, le=LONGEST_PAGE, description="Most events in the answer")] = DEFAULT_PAGE
    wait: Annotated[
        int,
        Field(
            ge=0, le=60, description="Seconds that the answer may wait for an event, if there is none after the cursor"
        ),
    ] = 0


class EventOut(BaseModel):
    """One event. `data` has what the event's type says: `GET /v1/event-types`."""

    id: UUID
    type: str
    timestamp: Annotated[datetime, Field(description="When it happened")]
    recorded_at: Annotated[datetime, Field(description="When the service wrote it down")]
    lead_id: UUID | None
    sequence: Annotated[int, Field(description=SEQUENCE)]
    data: dict[str, Any]


class EventPage(BaseModel):
    """Some of the feed, oldest first. `next_cursor` is always there: ask again with it, at once or later."""

    data: list[EventOut]
    next_cursor: str


class EventTypeOut(BaseModel):
    """One type of event, with the JSON Schema of the whole event and an example of it."""

    type: str
    description: str
    json_schema: Annotated[dict[str, Any], Field(alias="schema")]
    example: dict[str, Any]


class EventTypeList(BaseModel):
    """Every type of event there is."""

    data: list[EventTypeOut]
    next_cursor: None
