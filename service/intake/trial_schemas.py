"""What goes in and out over HTTP when a channel is tried."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.intake.schemas import ShortText


class TrialCreate(BaseModel):
    """A delivery that is only tried."""

    model_config = ConfigDict(extra="forbid")

    payload: Annotated[
        Any,
        Field(
            description="What the vendor would send: JSON, or the raw text of a body",
            examples=[{"email": "ada@example.com"}],
        ),
    ]
    content_type: Annotated[
        ShortText | None, Field(description="Absent: JSON, XML or a form, by how the payload looks")
    ] = None
    headers: Annotated[
        dict[str, str], Field(max_length=100, description="The vendor's own, as far as they matter")
    ] = {}
    query: Annotated[str, Field(max_length=4000, description="What follows the question mark in the address")] = ""
    fetched: Annotated[
        dict[str, Any],
        Field(
            max_length=100,
            description="For vendors that send ids only: what they would answer, by the `name` in `fetch`",
        ),
    ] = {}


class FaultOut(BaseModel):
    """A value that was given but cannot be used."""

    pointer: str
    detail: str


class TrialPartOut(BaseModel):
    """A part of a delivery, and what would become of it."""

    kind: Literal["submission", "activity", "consent", "erasure"]
    index: int
    result: Annotated[str, Field(description="As in the `outcome` of a delivery")]
    lead_id: Annotated[UUID | None, Field(description="The lead that exists; null for one that would be created")]
    matched_by: list[str]
    code: str | None
    detail: str | None
    duplicate_of: UUID | None
    mapped: Annotated[dict[str, Any], Field(description="As the vendor's adapter and the channel's mapping read it")]
    cleaned: Annotated[
        dict[str, Any] | None, Field(description="A submission after cleaning; what is absent is unknown")
    ]
    verdict: Literal["valid", "suspect", "invalid"] | None
    reasons: list[str]
    faults: list[FaultOut]


class FetchOut(BaseModel):
    """Something that would be asked of the vendor."""

    name: str
    path: str
    query: dict[str, str]


class TrialOut(BaseModel):
    """What would become of a delivery. Nothing of it was stored."""

    status: Annotated[
        Literal["processed", "duplicate", "ignored", "dead", "pending_fetch", "refused"],
        Field(description="`refused`: it would not have been accepted in the first place"),
    ]
    reason: str | None
    detail: str | None
    dedupe_key: Annotated[str | None, Field(description="What it would be recognised by if it came again")]
    parts: list[TrialPartOut]
    leads: Annotated[list[dict[str, Any]], Field(description="The leads that would result; a new one has no id yet")]
    fetch: list[FetchOut]
