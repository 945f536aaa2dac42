"""Deadlines on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from service.leads.answers import LeadOut
from service.leads.fields import Instant
from service.lifecycle.stages import Stage
from service.nurture.deadlines.rules import What

Values = Annotated[list[str], Field(max_length=100)]
State = Literal["open", "overdue", "in_time", "late"]
Missing = Literal["owner", "channel"]
Ended = Literal["met", "left"]


class DeadlineQuery(BaseModel):
    """`GET /v1/deadlines`. A filter given several times means any of its values."""

    state: Annotated[
        list[State],
        Field(
            max_length=4,
            description="`open`: not over, time is left; `overdue`: not over; `in_time`, `late`: how it ended",
        ),
    ] = ["open", "overdue"]
    what: Annotated[list[What], Field(max_length=2)] = []
    owner: Values = []
    channel: Values = []
    stage: Annotated[list[Stage], Field(max_length=7)] = []
    rule: Values = []
    ended: Annotated[
        list[Ended], Field(max_length=2, description="Only those that ended so: done, or the lead left before")
    ] = []
    missing: Annotated[list[Missing], Field(max_length=2, description="Those without a value (too)")] = []
    from_: Annotated[Instant | None, Field(alias="from", description="The stage was entered at or after this")] = None
    to: Annotated[Instant | None, Field(description="The stage was entered before this")] = None
    at: Annotated[
        Instant | None, Field(description="The instant by which what is not over is overdue or not. Absent: now")
    ] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=2000)] | None = None
    count: Annotated[bool, Field(description="Also answer how many there are in all")] = False


class DeadlineOut(BaseModel):
    """What was to be done until when. Of what ended, ``owner`` is who had the lead then; ``worked_seconds`` counts by the calendar."""

    id: UUID
    lead_id: UUID
    what: What
    stage: Stage
    journey: int
    rule: str
    version: int
    calendar: str | None
    channel: str | None
    score_band: str
    owner_at_start: str | None
    owner: str | None
    started_at: Annotated[datetime, Field(description="When the stage was entered")]
    counted_from: Annotated[datetime, Field(description="From when on the time allowed was counted")]
    due_at: datetime
    overdue_at: Annotated[datetime | None, Field(description="When it was announced that the time was up")]
    ended_at: datetime | None
    ended_how: Literal["met", "left", "superseded", "withdrawn", "unmeasured"] | None
    worked_seconds: Annotated[
        float | None, Field(description="From `started_at` to `ended_at`, in working time of the calendar")
    ]
    state: Literal["open", "overdue", "in_time", "late", "superseded", "withdrawn", "unmeasured"]


class DeadlineListed(DeadlineOut):
    """A deadline in a list, and the lead it is for."""

    lead: LeadOut


class DeadlineListOut(BaseModel):
    """A page of deadlines; ``total`` where ``count=true`` asked for it."""

    data: list[DeadlineListed]
    next_cursor: str | None
    total: int | None = None
