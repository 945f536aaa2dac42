"""What goes in and out over HTTP, for leads that may be the same person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.leads.answers import LeadOut
from service.leads.merging.survivorship import Whose

Status = Literal["open", "pending", "dismissed", "merged"]
FoundBy = Literal["similar", "bridged", "review"]
Score = Annotated[float, Field(ge=0, le=1)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MatchingRules(_In):
    """How leads that may be the same person are found, and what is done about them without asking."""

    threshold: Annotated[float, Field(ge=0.5, le=1, description="From which probability on a pair is listed")] = 0.8
    auto_merge: Annotated[
        float | None,
        Field(ge=0.5, le=1, description="From which probability on a pair is merged without asking; null: never"),
    ] = None
    merge_bridged: Annotated[
        bool,
        Field(
            description="Merge two leads when one submission had identities of both, and nothing they say contradicts that"
        ),
    ] = True
    weights: Annotated[
        dict[Annotated[str, Field(pattern=r"^(attributes\.)?[\w .-]{1,100}$")], Annotated[float, Field(ge=0, le=3)]],
        Field(
            max_length=50,
            description="Makes a field count for more or less than it does of itself; 0: it is not compared",
            examples=[{"company.name": 0.5, "attributes.member_no": 2}],
        ),
    ] = {}
    block: Annotated[
        int,
        Field(
            ge=2,
            le=500,
            description="So many leads may have one thing in common; what more of them share finds nobody. Of a name alone: a quarter",
        ),
    ] = 50

    @model_validator(mode="after")
    def _merges_only_what_it_lists(self) -> Self:
        if self.auto_merge is not None and self.auto_merge < self.threshold:
            raise ValueError("auto_merge must not be below threshold")
        return self


class MatchingRulesOut(BaseModel):
    """The rules that hold."""

    threshold: float
    auto_merge: float | None
    merge_bridged: bool
    weights: dict[str, float]
    block: int


class Why(BaseModel):
    """What one field says: both values, how alike they are, and how much it counts, in bits: each doubles the odds, or halves them.

    ``other_field`` is another one where what one lead says under one name stands under another name on the other lead.
    """

    field: str
    other_field: str
    left: Any
    right: Any
    similarity: float
    weight: float


class DuplicateOut(BaseModel):
    """Two leads that may be one person. ``leads`` are the two of them, the older one first; ``left`` and ``right`` speak of them in that order."""

    id: UUID
    status: Status
    found_by: FoundBy
    score: Score
    lead_id: UUID
    duplicate_id: UUID
    leads: list[LeadOut]
    why: list[Why]
    found_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    merge_id: UUID | None


class DuplicateListOut(BaseModel):
    """A page of pairs, the most alike first."""

    data: list[DuplicateOut]
    next_cursor: str | None


class DuplicateMerge(_In):
    """How to merge a pair: which lead lives on (the older one unless said), and whose values win."""

    survivor_id: UUID | None = None
    fields: Annotated[dict[str, Whose], Field(max_length=100)] = {}
