"""What goes in and out over HTTP, for leads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.leads.fields import (
    EXAMPLE_AT,
    Amount,
    Attributes,
    Currency,
    ExternalId,
    Instant,
    Key,
    LongText,
    ShortText,
    System,
)
from service.lifecycle.machine import Event
from service.lifecycle.stages import Stage


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CompanyIn(_In):
    """The company a lead works for."""

    name: ShortText | None = None
    domain: ShortText | None = None
    industry: ShortText | None = None
    size: ShortText | None = None
    country: Annotated[str, Field(description="ISO 3166-1 alpha-2", examples=["DE"], max_length=100)] | None = None
    region: ShortText | None = None


class _Person(_In):
    email: (
        Annotated[str, StringConstraints(min_length=1, max_length=320), Field(examples=["ada@example.com"])] | None
    ) = None
    phone: Annotated[str, StringConstraints(min_length=1, max_length=100), Field(examples=["+49 30 901820"])] | None = (
        None
    )
    full_name: ShortText | None = None
    first_name: ShortText | None = None
    last_name: ShortText | None = None
    job_title: ShortText | None = None
    company: CompanyIn | None = None
    campaign: ShortText | None = None
    external_ids: Annotated[dict[System, ExternalId | None], Field(max_length=50)] | None = None
    consent: Attributes | None = None
    referred_by: ShortText | None = None
    owner: ShortText | None = None
    tags: Annotated[list[ShortText], Field(max_length=100)] | None = None
    attributes: Attributes | None = None


class LeadCreate(_Person):
    """A person who may buy. At least one of ``email``, ``phone`` and ``external_ids``."""

    channel: ShortText | None = None
    utm: Annotated[dict[Key, ShortText], Field(max_length=20)] | None = None
    occurred_at: (
        Annotated[Instant, Field(description="When the lead was acquired; now, if absent", examples=[EXAMPLE_AT])]
        | None
    ) = None
    test: Annotated[bool, Field(description="Kept out of every statistic")] = False


class LeadPatch(_Person):
    """A JSON Merge Patch (RFC 7396): what is absent stays, null clears. The stage moves by transitions only."""

    amount: Amount | None = None
    currency: Currency | None = None


class LeadUpsert(LeadPatch):
    """A merge patch for the lead with your own id; ``channel``, ``utm`` and ``occurred_at`` matter only if it is new."""

    channel: ShortText | None = None
    utm: Annotated[dict[Key, ShortText], Field(max_length=20)] | None = None
    occurred_at: Instant | None = None


class TransitionCreate(_In):
    """An event that happened to the lead."""

    event: Event
    reason: (
        Annotated[
            str, StringConstraints(min_length=1, max_length=100), Field(description="A code of GET /v1/lifecycle")
        ]
        | None
    ) = None
    note: LongText | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    occurred_at: Annotated[Instant, Field(description="Now, if absent", examples=[EXAMPLE_AT])] | None = None
    allow_skip: bool = False
    channel: (
        Annotated[ShortText, Field(description="What started the new journey, for reactivate and repurchase")] | None
    ) = None
    campaign: ShortText | None = None


class TransitionItem(TransitionCreate):
    """A transition in a batch; the lead is named by its id or by an external id."""

    lead_id: UUID | None = None
    external_id: Annotated[str, Field(description="<system>:<id>", max_length=400)] | None = None


class CorrectedTransition(TransitionCreate):
    """A step of a corrected ledger."""

    occurred_at: Instant


class CorrectionCreate(_In):
    """The ledger's new tail: what is recorded from ``from_sequence`` on is superseded by ``transitions``."""

    from_sequence: Annotated[int, Field(ge=1, le=1_000_000)]
    transitions: Annotated[list[CorrectedTransition], Field(max_length=1000)]
    reason: LongText


class ReasonCreate(_In):
    """A reason code of your own."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,99}$")]
    category: Literal["disqualified", "lost", "lapsed", "customer"]
    label: ShortText | None = None


class CompanyOut(BaseModel):
    """The company a lead works for."""

    name: str | None
    domain: str | None
    industry: str | None
    size: str | None
    country: str | None
    region: str | None


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
    test: bool
    created_at: datetime
    updated_at: datetime
    acquired_at: datetime
    last_activity_at: datetime | None
    erased_at: datetime | None
    merged_into: UUID | None
    amount: str | None


class Conflict(BaseModel):
    """An identity in the request that belongs to another lead, and was left there."""

    pointer: str
    lead_id: UUID


class LeadTakenOut(LeadOut):
    """The lead, and how it was recognised."""

    matched_by: list[Literal["external_id", "email", "phone"]]
    conflicts: list[Conflict]


class TransitionOut(BaseModel):
    """A row of the ledger."""

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


class TouchpointOut(BaseModel):
    """A contact between the lead and us."""

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


class ActivityOut(BaseModel):
    """Something a lead did."""

    id: UUID
    journey: int
    kind: str
    channel: str | None
    data: dict[str, Any]
    delivery_id: UUID | None
    actor: str
    occurred_at: datetime
    recorded_at: datetime


class AllowedEvent(BaseModel):
    """An event that is legal now; ``missing`` are the needs the lead itself does not meet."""

    event: Event
    to: Stage
    requires_skip: bool
    needs: list[str]
    missing: list[str]


class TimelineItem(BaseModel):
    """One thing that happened; ``data`` has the fields of its kind."""

    kind: Literal["transition", "touchpoint", "activity", "change", "correction"]
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
