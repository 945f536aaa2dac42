"""What comes back over HTTP, for leads: the shapes the OpenAPI document shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.lifecycle.machine import Event
from service.lifecycle.stages import Stage


class CompanyOut(BaseModel):
    """The company a lead works for."""

    name: str | None
    domain: str | None
    industry: str | None
    size: str | None
    country: str | None
    region: str | None


class CanContact(BaseModel):
    """Whether a lead may be contacted; `GET /v1/leads/{id}/can-contact` says why (not)."""

    email: Annotated[bool, Field(description="There is an address, and nothing forbids to write to it")]
    phone: bool
    purposes: Annotated[
        dict[str, bool], Field(description="What they agreed to, and may be reached for by some medium")
    ]


class LeadOut(BaseModel):
    """A lead as it stands."""

    id: UUID
    stage: Stage
    furthest_stage: Stage
    stage_entered_at: datetime
    journey: int
    version: int
    email: str | None
    phone: str | None
    full_name: str | None
    first_name: str | None
    last_name: str | None
    job_title: str | None
    company: CompanyOut
    channel: str | None
    campaign: str | None
    utm: dict[str, str]
    external_ids: dict[str, str]
    score: int
    owner: str | None
    currency: str | None
    tags: list[str]
    attributes: dict[str, Any]
    consent: dict[str, Any]
    referred_by: str | None
    verdict: Literal["valid", "suspect", "invalid"]
    verdict_reasons: list[str]
    raw: dict[str, Any]
    test: bool
    created_at: datetime
    updated_at: datetime
    acquired_at: datetime
    last_activity_at: datetime | None
    due_at: Annotated[datetime | None, Field(description="The earliest deadline that is open, past or to come")]
    erased_at: datetime | None
    merged_into: UUID | None
    amount: str | None
    can_contact: CanContact


class Conflict(BaseModel):
    """An identity in the request that belongs to another lead, and was left there."""

    pointer: str
    lead_id: UUID


class LeadTakenOut(LeadOut):
    """The lead, and how it was recognised."""

    matched_by: list[Literal["external_id", "email", "phone"]]
    conflicts: list[Conflict]


class TransitionOut(BaseModel):
    """A row of the ledger; ``origin`` is the lead that brought it when it was merged into this one."""

    id: UUID
    lead_id: UUID
    sequence: int
    journey: int
    event: Event
    from_stage: Stage | None
    to_stage: Stage
    skipped: list[Stage]
    reason: str | None
    category: str | None
    note: str | None
    amount: str | None
    currency: str | None
    actor: str
    occurred_at: datetime
    recorded_at: datetime
    correction_id: UUID | None
    superseded_at: datetime | None
    origin: UUID | None


class TransitionDoneOut(TransitionOut):
    """A transition that happened, and the lead after it."""

    lead: LeadOut


class JourneyOut(BaseModel):
    """One pass through the funnel, and when it first entered each stage."""

    number: int
    entry_stage: Stage
    channel: str | None
    campaign: str | None
    stage: Stage
    furthest_stage: Stage
    outcome: str
    reason: str | None
    started_at: datetime
    cleaned_at: datetime | None
    nurtured_at: datetime | None
    opportunity_at: datetime | None
    won_at: datetime | None
    churned_at: datetime | None
    amount: str | None
    currency: str | None
    entered_as: Annotated[
        dict[str, Any],
        Field(description="The lead when the journey began: its company, owner, score, tags and attributes, if any"),
    ]


class TouchpointOut(BaseModel):
    """A contact between the lead and us. ``journey`` 0, in an export or a timeline only: a start told of it that was corrected since."""

    id: UUID
    journey: int
    channel: str | None
    campaign: str | None
    utm: dict[str, str]
    via: str
    matched_by: list[str]
    delivery_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime


class Rating(BaseModel):
    """How content somebody was, on a scale that goes from ``worst`` to ``best``."""

    model_config = ConfigDict(extra="forbid")

    value: Annotated[float, Field(examples=[9], allow_inf_nan=False)]
    worst: Annotated[float, Field(description="The lower end of the scale", ge=-1e6, le=1e6, examples=[0])]
    best: Annotated[float, Field(description="The upper end of the scale", ge=-1e6, le=1e6, examples=[10])]

    @model_validator(mode="after")
    def _is_on_its_scale(self) -> Self:
        if not self.worst < self.best:
            raise ValueError("the scale must go from worst to best, upwards")
        if not self.worst <= self.value <= self.best:
            raise ValueError(f"{self.value:g} is not on the scale from {self.worst:g} to {self.best:g}")
        return self


class ActivityOut(BaseModel):
    """Something a lead did, or that we did to reach it."""

    id: UUID
    journey: int
    kind: str
    channel: str | None
    data: dict[str, Any]
    delivery_id: UUID | None
    actor: str
    occurred_at: datetime
    recorded_at: datetime
    key: Annotated[str | None, Field(description="The id that whoever told of it gave it")]
    rating: Rating | None


class IdentityOut(BaseModel):
    """Something the lead is known by; an alias is what the lead itself does not show."""

    kind: str
    value: str
    shown: bool
    created_at: datetime


class AllowedEvent(BaseModel):
    """An event that is legal now; ``missing`` are the needs the lead itself does not meet."""

    event: Event
    to: Stage
    requires_skip: bool
    needs: list[str]
    missing: list[str]


class TimelineItem(BaseModel):
    """One thing that happened; ``data`` has the fields of its kind."""

    kind: Literal[
        "transition",
        "touchpoint",
        "activity",
        "consent",
        "change",
        "correction",
        "merge",
        "set_aside",
        "points",
        "policy",
        "assignment",
        "deadline",
    ]
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any]


class TrialTransition(BaseModel):
    """A transition that was only tried."""

    sequence: int
    journey: int
    event: Event
    from_stage: Stage | None
    to_stage: Stage
    skipped: list[Stage]
    occurred_at: datetime


class TrialOut(BaseModel):
    """What a transition would do, and what could follow it."""

    dry_run: Literal[True]
    transition: TrialTransition
    allowed_after: list[AllowedEvent]


class CorrectionOut(BaseModel):
    """A correction, the rows it superseded, and the lead after it."""

    id: UUID
    superseded: list[UUID]
    lead: LeadOut


class ErasureOut(BaseModel):
    """A person who was erased, and when."""

    lead_id: UUID
    erased_at: datetime
    version: int


class LeadListed(LeadOut):
    """A lead in a list; ``counted_at`` and ``counted_number`` say which journey or transition a figure counts."""

    counted_at: datetime | None = None
    counted_number: int | None = None


class LeadListOut(BaseModel):
    """A page of leads; ``total`` where ``count=true`` asked for it."""

    data: list[LeadListed]
    next_cursor: str | None
    total: int | None = None


class LeadItemOut(BaseModel):
    """The outcome of one item."""

    index: int
    status: int
    lead: LeadTakenOut | None = None
    problem: dict[str, Any] | None = None


class LeadBatchOut(BaseModel):
    """The outcomes of a batch, in the order sent."""

    data: list[LeadItemOut]


class TransitionItemOut(BaseModel):
    """The outcome of one item."""

    index: int
    status: int
    transition: TransitionOut | None = None
    problem: dict[str, Any] | None = None


class TransitionBatchOut(BaseModel):
    """The outcomes of a batch, in the order sent."""

    data: list[TransitionItemOut]
