"""What merging takes and gives over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.leads.answers import LeadOut
from service.leads.fields import LongText
from service.leads.filling import FILLED
from service.leads.merging.facts import KEYED, path_of
from service.leads.merging.survivorship import Rule, Whose
from service.lifecycle.machine import Event
from service.lifecycle.stages import Stage


def _is_field(name: str) -> str:
    if path_of(name)[0] not in (*FILLED, *KEYED, "tags") or name == "raw":
        raise ValueError("is no field of a lead that two leads may say differently")
    return name


FieldName = Annotated[
    str,
    Field(max_length=200, description="As in a lead: `email`, `company.name`, `attributes`, `attributes.plan`"),
    AfterValidator(_is_field),
]


class MergeCreate(BaseModel):
    """Which lead is the same person, and for which fields the caller knows better than the rules."""

    model_config = ConfigDict(extra="forbid")

    duplicate_id: UUID
    fields: Annotated[dict[FieldName, Whose], Field(max_length=100)] = {}
    why: LongText | None = None


class MergeRules(BaseModel):
    """Whose value of a field is shown when both leads have one; what is known always comes before what is not."""

    model_config = ConfigDict(extra="forbid")

    default: Rule = "newest"
    fields: Annotated[dict[FieldName, Rule], Field(max_length=200)] = {}


class MergeRulesOut(BaseModel):
    """The rules that hold."""

    default: Rule
    fields: dict[str, Rule]


class SetAsideOut(BaseModel):
    """A step that has no place in the merged ledger. ``lead_id`` is the lead that brought it, ``stage`` where the merged lead was then."""

    source: UUID
    lead_id: UUID
    merge_id: UUID
    event: Event
    from_stage: Stage | None
    to_stage: Stage
    reason: str | None
    category: str | None
    note: str | None
    amount: str | None
    currency: str | None
    channel: str | None
    campaign: str | None
    actor: str
    occurred_at: datetime
    recorded_at: datetime
    why: Literal["repeated", "impossible", "of_one_record", "outweighed"]
    stage: Stage | None


class MergeOut(BaseModel):
    """A merge: who became one, what of the survivor changed, how many rows moved, and what could not be woven."""

    id: UUID
    survivor_id: UUID
    duplicate_id: UUID
    actor: str
    automatic: bool
    why: dict[str, Any] | None
    changed: list[str]
    moved: dict[str, int]
    set_aside: list[SetAsideOut]
    recorded_at: datetime
    undone_at: datetime | None
    undone_by: str | None


class MergeDoneOut(MergeOut):
    """A merge, and the survivor after it."""

    lead: LeadOut


class UndoneOut(MergeDoneOut):
    """A merge that was undone, and both leads."""

    duplicate: LeadOut
