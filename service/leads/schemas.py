"""What goes in and out over HTTP, for leads."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.leads.fields import (
    EXAMPLE_AT,
    Amount,
    Attributes,
    Currency,
    ExternalId,
    Happened,
    Key,
    LongText,
    ShortText,
    System,
)
from service.lifecycle.machine import Event


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
        Annotated[Happened, Field(description="When the lead was acquired; now, if absent", examples=[EXAMPLE_AT])]
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
    occurred_at: Happened | None = None


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
    occurred_at: Annotated[Happened, Field(description="Now, if absent", examples=[EXAMPLE_AT])] | None = None
    allow_skip: bool = False
    channel: (
        Annotated[ShortText, Field(description="What started the new journey, for reactivate and repurchase")] | None
    ) = None
    campaign: ShortText | None = None


class TransitionItem(TransitionCreate):
    """A transition in a batch; the lead is named by its id or by an external id, not by both."""

    lead_id: UUID | None = None
    external_id: Annotated[str, Field(description="<system>:<id>", pattern=r"^[^:]+:.+$", max_length=400)] | None = None

    @model_validator(mode="after")
    def _names_one_lead(self) -> Self:
        if (self.lead_id is None) == (self.external_id is None):
            raise ValueError("name the lead by either lead_id or external_id")
        return self


class CorrectedTransition(TransitionCreate):
    """A step of a corrected ledger."""

    occurred_at: Happened


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
