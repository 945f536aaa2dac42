"""What goes out over HTTP, for scores."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field


class CountedOut(BaseModel):
    """The activity that an entry counts."""

    id: UUID
    kind: str
    channel: str | None
    occurred_at: datetime


class EntryOut(BaseModel):
    """A time that a rule fired; `kind` `bound` is what the bounds of the score give or take, so that the sum is the score."""

    id: UUID | None
    kind: Literal["fit", "engagement", "bound"]
    rule: Annotated[str | None, Field(description="The rule's key")]
    version: Annotated[int | None, Field(description="Of the rules it fired under")]
    text: Annotated[str, Field(description="Why, in words")]
    points: Annotated[int, Field(description="When it fired")]
    now: Annotated[int, Field(description="What of it counts at this instant")]
    half_life_days: float | None
    activity: CountedOut | None
    occurred_at: datetime | None
    recorded_at: datetime | None


class ScoreOut(BaseModel):
    """A lead's score at an instant, and every point of it: what the entries have in `now` adds up to `score`."""

    lead_id: UUID
    at: datetime
    score: int
    version: Annotated[int, Field(description="Of the rules that hold now")]
    entries: list[EntryOut]


class LedgerEntryOut(BaseModel):
    """An entry of the ledger, which may have been ended."""

    id: UUID
    kind: Literal["fit", "engagement"]
    rule: str
    version: int
    points: int
    half_life_days: float | None
    activity_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    fades_at: Annotated[datetime | None, Field(description="From when on it is worth nothing")]
    ended_at: datetime | None
    ended_because: Literal["no_longer_true", "rule_changed", "outnumbered", "activity_gone", "faded"] | None
