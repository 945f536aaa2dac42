"""What goes in and out over HTTP, for activities."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.leads.answers import ActivityOut, Rating
from service.leads.fields import EXAMPLE_AT, Attributes, Happened, ShortText

ActivityKind = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$"),
    Field(
        description="What happened, in words with dots; `GET /v1/activity-kinds` lists those with a meaning of their own",
        examples=["webinar.attended"],
    ),
]


class ActivityCreate(BaseModel):
    """Something a lead did, or that we did to reach it. The lead is named by one or more of its ids, all of the same lead."""

    model_config = ConfigDict(extra="forbid")

    lead_id: UUID | None = None
    external_id: Annotated[str, Field(description="<system>:<id>", pattern=r"^[^:]+:.+$", max_length=400)] | None = None
    email: (
        Annotated[str, StringConstraints(min_length=1, max_length=320), Field(examples=["ada@example.com"])] | None
    ) = None
    phone: Annotated[str, StringConstraints(min_length=1, max_length=100), Field(examples=["+4930901820"])] | None = (
        None
    )
    kind: ActivityKind
    occurred_at: Annotated[Happened, Field(description="Now, if absent", examples=[EXAMPLE_AT])] | None = None
    channel: ShortText | None = None
    data: Annotated[Attributes, Field(examples=[{"url": "/pricing"}])] = {}
    key: (
        Annotated[
            ShortText, Field(description="Your own id of it: told again of the same lead, it is not written again")
        ]
        | None
    ) = None
    rating: Annotated[Rating, Field(description="Of feedback: how content they were")] | None = None

    @model_validator(mode="after")
    def _names_a_lead(self) -> Self:
        if not (self.lead_id or self.external_id or self.email or self.phone):
            raise ValueError("name the lead by lead_id, external_id, email or phone")
        return self


class ActivityToldOut(ActivityOut):
    """An activity, and whose it is: after a merge the surviving lead's."""

    lead_id: UUID


class ActivityItemOut(BaseModel):
    """The outcome of one item."""

    index: int
    status: int
    activity: ActivityToldOut | None = None
    problem: dict[str, Any] | None = None


class ActivityBatchOut(BaseModel):
    """The outcomes of a batch, in the order sent."""

    data: list[ActivityItemOut]


class ActivityKindOut(BaseModel):
    """A kind of activity that has a meaning of its own."""

    kind: str
    description: str
    direction: Annotated[
        Literal["inbound", "outbound", "system"],
        Field(
            description="The lead did it; one of us got in touch with it, which is what a first response is; a machine did it"
        ),
    ]
    rated: Annotated[bool, Field(description="Whether a rating belongs to it")]
    source: Annotated[str | None, Field(description="The vendor whose word it is; null: it is ours")]


class ActivityKindListOut(BaseModel):
    """All kinds; any other may be told as well."""

    data: list[ActivityKindOut]
    next_cursor: None
