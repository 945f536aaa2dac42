"""What goes out over HTTP, for policies."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Trigger = Literal["created", "returned", "entered", "activity", "score_reached", "changed", "state", "time"]
Outcome = Literal["moved", "assigned", "tagged", "announced", "refused", "parked"]


class FiringOut(BaseModel):
    """What a policy did about a lead, and why; `actions` are all it did. `refused` and `parked`: it wanted to move it, and nothing was done."""

    id: UUID
    lead_id: UUID
    policy: str
    version: int
    trigger: Trigger
    why: dict[str, Any]
    outcome: Outcome
    actions: list[Outcome]
    stage: str
    journey: int
    transition_id: UUID | None
    fired_at: datetime


class ParkedOut(BaseModel):
    """A lead that policies moved too often, or in a circle (`loop`); until somebody lets it go on, none moves it."""

    id: UUID
    lead_id: UUID
    policy: str
    version: int
    reason: Literal["loop", "too_many_moves"]
    moves: int
    parked_at: datetime
    unparked_at: datetime | None
    unparked_by: str | None


class PolicyCountsOut(BaseModel):
    """How often a policy fired in the time asked for, by outcome, and when last."""

    policy: str
    label: str | None
    enabled: bool | None
    moved: int
    assigned: int
    tagged: int
    announced: int
    refused: int
    parked: int
    last_at: datetime | None


class PolicyStatisticsOut(BaseModel):
    """What all policies did; `enabled` is null for those that are gone."""

    since: datetime
    until: datetime
    parked_now: int
    data: list[PolicyCountsOut]


class DryRunExample(BaseModel):
    """What a policy would have done about a lead; `really_at` is when the lead made the same move in fact, then or later."""

    lead_id: UUID
    at: datetime
    trigger: Trigger
    why: dict[str, Any]
    outcome: Outcome
    actions: list[Outcome]
    from_stage: str
    to_stage: str | None
    really_at: datetime | None
    real_stage: str


class DryRunReally(BaseModel):
    """What became of a policy's moves in fact.

    `same`: the lead made the same move then or later, `days_earlier` (the median) is what the policy would have gained. `otherwise`: it never
    did; `stages` is where these leads stood at the end.
    """

    same: int
    days_earlier: float | None
    otherwise: int
    stages: dict[str, int]


class DryRunPolicyOut(BaseModel):
    """What a policy would have done."""

    key: str
    label: str | None
    enabled: bool
    leads: int
    moved: int
    assigned: int
    tagged: int
    announced: int
    refused: int
    parked: int
    first_at: datetime | None
    last_at: datetime | None
    really: DryRunReally
    examples: list[DryRunExample]


class DryRunStage(BaseModel):
    """How many leads would have stood in a stage at the end, and how many did."""

    stage: str
    replayed: int
    real: int


class DryRunMoves(BaseModel):
    """What became of the moves that people and channels really made.

    `superseded`: a policy had brought the lead there already. `impossible`: it was elsewhere, where there is no such move.
    """

    kept: int
    superseded: int
    impossible: int


class DryRunParkedLead(BaseModel):
    """A lead that would have been parked."""

    lead_id: UUID
    reason: Literal["loop", "too_many_moves"]
    at: datetime


class DryRunParked(BaseModel):
    """How many leads would have been parked, with the first hundred of them."""

    leads: int
    examples: list[DryRunParkedLead]


class PoliciesTrialOut(BaseModel):
    """A replay. Two replays that came to the same decisions have the same `digest`; `version` is null for policies that were sent along."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    version: int | None
    scores: Literal["told", "computed"]
    sample: float
    leads: int
    digest: str
    policies: list[DryRunPolicyOut]
    stages: list[DryRunStage]
    real_moves: DryRunMoves
    parked: DryRunParked
