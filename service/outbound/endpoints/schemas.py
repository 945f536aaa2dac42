"""Endpoints on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from service.outbound.sending.targets import LONGEST_URL

Status = Literal["enabled", "disabled"]
State = Literal["pending", "failed"]
DEFAULT_CONCURRENCY = 8

_Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_URL,
        description="Where events are sent to, by POST; https",
        examples=["https://crm.example/hooks"],
    ),
]
_Description = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_EventTypes = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(
        max_length=100,
        description="Only these types; empty: every type",
        examples=[["lead.created", "lead.stage_changed"]],
    ),
]
_Segment = Annotated[
    str, Field(min_length=1, max_length=64, description="Only what happens to leads of this segment, by its key")
]
_Scalar = bool | int | float | Annotated[str, Field(max_length=500)] | None
_Filters = Annotated[
    dict[
        Annotated[str, Field(max_length=200)],
        _Scalar | Annotated[list[_Scalar], Field(min_length=1, max_length=100)],
    ],
    Field(
        max_length=20,
        description="Only what happens to leads that all of these hold of, as they are after the event; in the form of a segment's filters",
        examples=[{"country": ["DE", "AT"]}],
    ),
]
_Format = Annotated[
    str, Field(min_length=1, max_length=64, description="How an event is written: `GET /v1/webhook-formats`")
]
_Settings = Annotated[dict[str, Any], Field(max_length=50, description="Of the format")]
_Secret = Annotated[
    str,
    Field(min_length=1, max_length=200, description="`whsec_` and the base64 of 24 to 64 random bytes"),
]
_Concurrency = Annotated[int, Field(ge=1, le=64, description="Most requests under way at once")]
_Rate = Annotated[float, Field(gt=0, le=10_000, description="Most requests per second; null: no limit")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EndpointCreate(_In):
    """Somebody who wants to hear of events, from now on."""

    url: _Url
    description: _Description | None = None
    event_types: _EventTypes = []
    segment: _Segment | None = None
    filters: _Filters | None = None
    format: _Format = "standard"
    settings: _Settings = {}
    secret: Annotated[
        _Secret | None, Field(description="Absent: one is made. Given in this answer, and never shown again")
    ] = None
    concurrency: _Concurrency = DEFAULT_CONCURRENCY
    rate: _Rate | None = None
    status: Status = "enabled"


class EndpointPatch(_In):
    """A JSON Merge Patch (RFC 7396). `settings` are merged, all else is replaced; another `format` begins with no settings."""

    # Only what was sent counts; what stands for the rest must not look like an address in the document.
    url: Annotated[_Url, Field(default_factory=str)]
    description: _Description | None = None
    event_types: _EventTypes = []
    segment: _Segment | None = None
    filters: _Filters | None = None
    format: _Format = "standard"
    settings: Annotated[dict[str, Any] | None, Field(max_length=50)] = None
    concurrency: _Concurrency = DEFAULT_CONCURRENCY
    rate: _Rate | None = None
    status: Annotated[
        Status, Field(description="`enabled` goes on where it was switched off: what happened since is delivered")
    ] = "enabled"


class EndpointOut(BaseModel):
    """An endpoint; its secrets are write-only."""

    id: UUID
    url: str
    description: str | None
    event_types: list[str]
    segment: str | None
    filters: dict[str, Any] | None
    format: str
    settings: dict[str, Any]
    concurrency: int
    rate: float | None
    status: Status
    disabled_reason: Annotated[
        str | None,
        Field(
            description="`gone`: it answered 410; `failing`: nothing but failures for five days; `misconfigured`: its segment is no more; "
            "`by_request`"
        ),
    ]
    disabled_at: datetime | None
    failing_since: Annotated[
        datetime | None, Field(description="Since when nothing was delivered, though it was tried")
    ]
    paused_until: Annotated[
        datetime | None, Field(description="It failed several times in a row or asked for it: when it is probed next")
    ]
    last_success_at: datetime | None
    previous_secret_until: Annotated[datetime | None, Field(description="Until when the secret before signs, too")]
    created_at: datetime
    updated_at: datetime


class EndpointCreatedOut(EndpointOut):
    """An endpoint with its secret, which is never shown again."""

    secret: str


class EndpointReplayOut(BaseModel):
    """A part of the feed that is sent again."""

    id: UUID
    endpoint_id: UUID
    since: datetime
    until: datetime | None
    event_types: list[str]
    created_at: datetime
    finished_at: Annotated[datetime | None, Field(description="When all of it was sent, or waits for another try")]


class EndpointFiguresOut(BaseModel):
    """How an endpoint is doing."""

    waiting: Annotated[int, Field(description="Messages that failed and are tried again, and those behind them")]
    failed: Annotated[int, Field(description="Messages that were given up")]
    lag_seconds: Annotated[float, Field(description="Age of the next event of the feed for it; 0 when it has seen all")]


class EndpointDetailOut(EndpointOut):
    """An endpoint, how it is doing, and what is replayed to it."""

    figures: EndpointFiguresOut
    replays: list[EndpointReplayOut]


class RotateCreate(_In):
    """A rotation: for 24 hours both secrets sign."""

    secret: Annotated[_Secret | None, Field(description="Absent: one is made")] = None


class TestCreate(_In):
    """What is sent to try an endpoint."""

    type: Annotated[
        str | None, Field(max_length=100, description="Of which type; absent: one the endpoint hears of")
    ] = None


class EndpointReplayCreate(_In):
    """What is sent again: everything the endpoint wants that was recorded in this time."""

    since: Annotated[AwareDatetime, Field(description="Recorded at or after")]
    until: Annotated[AwareDatetime | None, Field(description="Recorded before; absent: all the endpoint has seen")] = (
        None
    )
    types: _EventTypes = []


class ResendCreate(_In):
    """Who is sent an event once more."""

    endpoint_id: Annotated[
        UUID | None, Field(description="Whatever it usually hears of; absent: every endpoint that wants the event")
    ] = None


class ResendOut(BaseModel):
    """Who will be sent an event once more."""

    event_id: UUID
    endpoint_ids: list[UUID]


class AttemptOut(BaseModel):
    """One try to deliver an event."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    lead_id: UUID | None
    number: Annotated[int, Field(description="1, 2, 3 … since the event was due; 0: a test")]
    at: datetime
    status: Annotated[int | None, Field(description="HTTP status of the answer; null: there was none")]
    error: Annotated[str | None, Field(description="Why it does not count as delivered; null: it was")]
    latency_ms: int
    answer: Annotated[str | None, Field(description="The first 2 kB of the answer; null: the person was erased since")]
    next_at: Annotated[datetime | None, Field(description="When it is tried again; null: it is not")]


class MessageOut(BaseModel):
    """An event that failed at an endpoint, or waits behind one that did."""

    event_id: UUID
    event_type: str
    lead_id: UUID | None
    sequence: int
    state: Annotated[State, Field(description="`failed`: given up; it can be sent again")]
    attempts: int
    next_at: Annotated[datetime | None, Field(description="Null while it waits behind another event of its lead")]
    status: int | None
    error: str | None
    created_at: datetime
    updated_at: datetime
