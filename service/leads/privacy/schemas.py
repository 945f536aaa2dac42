"""What goes in and out over HTTP, for consents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.leads.answers import (
    ActivityOut,
    ErasureOut,
    JourneyOut,
    LeadOut,
    TouchpointOut,
    TransitionOut,
)
from service.leads.fields import AttributeName, Attributes, Happened, Instant, LongText, ShortText

BasisCode = Literal[
    "consent",
    "separate_consent",
    "written_consent",
    "guardian_consent",
    "contract",
    "legal_obligation",
    "vital_interests",
    "public_task",
    "legitimate_interest",
    "made_public",
    "other_law",
]
Medium = Literal["email", "phone", "sms", "whatsapp", "wechat"]


class ConsentCreate(BaseModel):
    """A word on a consent: given, or taken back."""

    model_config = ConfigDict(extra="forbid")

    purpose: Annotated[AttributeName, Field(description="What for, in your own words", examples=["newsletter"])]
    granted: Annotated[bool, Field(description="False takes it back, or objects")] = True
    basis: Annotated[BasisCode, Field(description="One of GET /v1/consent-bases")] = "consent"
    media: Annotated[
        list[Medium], Field(max_length=10, description="By which means they may be reached for it; empty is by all")
    ] = []
    source: Annotated[ShortText, Field(description="Where it was given", examples=["webinar form"])] | None = None
    wording: (
        Annotated[
            LongText,
            Field(description="What was agreed to, or its name and version", examples=["privacy-notice 2026-03"]),
        ]
        | None
    ) = None
    evidence: Annotated[
        Attributes, Field(description="What proves it", examples=[{"ip": "192.0.2.7", "double_opt_in": True}])
    ] = {}
    occurred_at: Annotated[Happened, Field(description="When it was said; now, if absent")] | None = None
    expires_at: Annotated[Instant, Field(description="Until when it counts; for ever, if absent")] | None = None

    @model_validator(mode="after")
    def _takes_back_whole_purposes(self) -> Self:
        if not self.granted and self.media:
            raise ValueError(
                "what is taken back is taken back for every medium; say granted with the media that remain"
            )
        return self


class ConsentOut(BaseModel):
    """A word on a consent, as it was recorded."""

    id: UUID
    lead_id: UUID
    purpose: str
    granted: Annotated[bool | None, Field(description="Null: neither yes nor no, or no longer said")]
    basis: BasisCode
    media: list[str]
    source: str | None
    wording: str | None
    evidence: dict[str, Any]
    actor: str
    delivery_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    expires_at: datetime | None


Reason = Literal["erased", "blocked", "unsubscribed"]


class PersonNamed(BaseModel):
    """Somebody, or everybody of a domain: exactly one of the fields."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, StringConstraints(min_length=1, max_length=320)] | None = None
    phone: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    external_id: Annotated[str, Field(description="<system>:<id>", pattern=r"^[^:]+:.+$", max_length=400)] | None = None


class SuppressionCreate(PersonNamed):
    """Whom not to contact, or not even to let in."""

    domain: Annotated[ShortText, Field(description="Of e-mails, exactly so", examples=["example.com"])] | None = None
    reason: Annotated[
        Literal["blocked", "unsubscribed"],
        Field(
            description="`blocked`: not contacted, and what comes from them is refused; `unsubscribed`: not contacted by this medium. "
            "`erased` is written by erasures"
        ),
    ]


class SuppressionNamed(PersonNamed):
    """The suppressions of one value, for one reason or for all."""

    domain: Annotated[ShortText, Field(description="Of e-mails, exactly so")] | None = None
    reason: Reason | None = None


class SuppressionQuery(SuppressionNamed):
    """Which suppressions: those of one value, or a page of all."""

    kind: Literal["email", "phone", "domain", "external"] | None = None
    limit: Annotated[int, Field(ge=1, le=500, description="Most rows in the answer")] = 50
    cursor: (
        Annotated[str, Field(max_length=4000, description="`next_cursor` of the page before, with the same filters")]
        | None
    ) = None


class SuppressionOut(BaseModel):
    """That something is suppressed; the value itself is not kept, only a hash of it."""

    kind: Literal["email", "phone", "domain", "external"]
    reason: Reason
    actor: str
    created_at: datetime


class HeldOut(BaseModel):
    """All that is held under one lead."""

    lead: LeadOut
    identities: list[dict[str, Any]]
    transitions: Annotated[list[TransitionOut], Field(description="The ledger, with what was superseded")]
    corrections: list[dict[str, Any]]
    journeys: list[JourneyOut]
    touchpoints: list[TouchpointOut]
    activities: list[ActivityOut]
    consents: list[ConsentOut]
    merges: list[dict[str, Any]]
    set_aside: Annotated[list[dict[str, Any]], Field(description="Of merged leads: what has no place in the ledger")]
    events: Annotated[list[dict[str, Any]], Field(description="What was told of it in the change feed")]


class PersonExportOut(HeldOut):
    """All that is held of a person."""

    exported_at: datetime
    merged_leads: Annotated[list[HeldOut], Field(description="The leads that were merged into it, as they were")]
    deliveries: Annotated[
        list[dict[str, Any]],
        Field(description="What they sent, as it came; of what others are in as well (`shared`), only that it came"),
    ]
    assignments: Annotated[
        list[dict[str, Any]], Field(description="Who had their leads, from when until when, and why")
    ]
    score_entries: Annotated[list[dict[str, Any]], Field(description="Every point that their scores were ever made of")]


class ErasureCreate(PersonNamed):
    """Whom to erase."""


class PersonErasedOut(BaseModel):
    """What was erased of somebody: nothing is an answer, too."""

    leads: list[ErasureOut]
    deliveries: Annotated[int, Field(description="Raw deliveries that were emptied")]
    erased_at: datetime


class BasisOut(BaseModel):
    """A ground in law for using a person's data, and where the laws name it."""

    code: BasisCode
    text: str
    gdpr: Annotated[str | None, Field(description="Articles of Regulation (EU) 2016/679")]
    pipl: Annotated[
        str | None, Field(description="Articles of the Personal Information Protection Law (个人信息保护法)")
    ]
    pipl_term: str | None
    revocable: Annotated[bool, Field(description="Whether the person can take it back, refuse or object")]


class ContactAnswer(BaseModel):
    """Whether a lead may be contacted for a purpose by a medium, and why (not)."""

    purpose: str
    medium: Medium
    allowed: bool
    why: Annotated[
        list[str],
        Field(
            description="`granted`, or all that is against it: `erased, suppressed_erased, suppressed_blocked, suppressed_unsubscribed, "
            "no_address, nothing_said, withdrawn, expired, unclear, not_by_this_medium`"
        ),
    ]
    basis: BasisCode | None
    expires_at: datetime | None
