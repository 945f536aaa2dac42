"""What goes out over HTTP, for policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

Outcome = Literal["moved", "assigned", "tagged", "announced", "refused", "parked"]


class FiringOut(BaseModel):
    """What a policy did about a lead, and why; `actions` are all it did. `refused` and `parked`: it wanted to move it, and nothing was done."""

    id: UUID
    lead_id: UUID
    policy: str
    version: int
    trigger: Literal["created", "returned", "entered", "activity", "score_reached", "changed", "state", "time"]
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
