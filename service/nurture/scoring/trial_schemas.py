"""What goes in and out over HTTP when rules of scoring are tried."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.nurture.scoring.rules import ScoringRules


class ScoringTrialCreate(BaseModel):
    """Rules to be tried, and on how many days."""

    model_config = ConfigDict(extra="forbid")

    rules: Annotated[ScoringRules, Field(description="Absent: those that hold")] | None = None
    days: Annotated[int, Field(ge=7, le=365)] = 90


class SampleOut(BaseModel):
    """Who was looked at: all, or a share of them that is the same each time."""

    looked_at: int
    of: int


class BandOut(BaseModel):
    """How many leads have a score in a band."""

    band: str
    before: int
    after: int


class ThresholdOut(BaseModel):
    """How many leads have at least a score, and how many come and go across it."""

    score: int
    before: int
    after: int
    up: int
    down: int


class MoverOut(BaseModel):
    """A lead whose score would change, one of those that change most."""

    lead_id: UUID
    before: int
    after: int


class RuleUseOut(BaseModel):
    """How often a rule fires: on how many leads, how many entries, and what of their points is left."""

    key: str
    kind: Literal["fit", "engagement"]
    points: int
    leads: int
    entries: int
    now: int


class ChangesOut(BaseModel):
    """What the scores of the leads that came or did something in these days would be."""

    sample: SampleOut
    changed: int
    raised: int
    lowered: int
    mean_before: float | None
    mean_after: float | None
    bands: list[BandOut]
    thresholds: list[ThresholdOut]
    movers: list[MoverOut]
    rules: list[RuleUseOut]


class AreaOut(BaseModel):
    """The chance that a lead that won had the higher score than one that did not; one half is chance."""

    value: float
    low: float
    high: float


class TenthOut(BaseModel):
    """The leads of one tenth of the scores, 10 being the highest; equal scores are never parted."""

    tenth: int
    lowest: int
    highest: int
    mean_score: float
    journeys: int
    won: int
    share: float
    low: float
    high: float


class ForesightOut(BaseModel):
    """How well scores told who would win."""

    auc: AreaOut | None
    insufficient_data: Annotated[
        bool, Field(description="Fewer than 30 won, or fewer than 30 did not: do not build on it")
    ]
    tenths: list[TenthOut]


class WinnersOut(BaseModel):
    """Whether high scores really won: scores as they were at the landmark, against what happened afterwards."""

    text: Annotated[str, Field(description="Which journeys, scored by what, and what counts as won")]
    started_from: datetime
    landmark: datetime
    until: datetime
    sample: SampleOut
    won: int
    before: ForesightOut
    after: ForesightOut


class ScoringTrialOut(BaseModel):
    """What rules would do; nothing was changed. `before` is by the rules that hold, `after` by those that were tried."""

    dry_run: Literal[True]
    at: datetime
    days: int
    version: Annotated[int, Field(description="Of the rules that hold")]
    changes: ChangesOut
    winners: WinnersOut
