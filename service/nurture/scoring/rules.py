"""The rules of scoring as data: what fits, what engages, how many points that is worth and for how long."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.nurture.rules import RuleSet
from service.stats.segments.schemas import Filters, Label, SegmentKey

_MOST_POINTS: Final = 1000

RuleKey = Annotated[SegmentKey, Field(description="What the entries of the ledger name", examples=["asked-for-a-demo"])]


def _is_something(points: int) -> int:
    if points == 0:
        raise ValueError("a rule gives or takes at least one point")
    return points


Points = Annotated[
    int,
    Field(ge=-_MOST_POINTS, le=_MOST_POINTS, description="What it is worth; negative: it speaks against the lead"),
    AfterValidator(_is_something),
]
KindPattern = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="A kind of activity, or with `.*` at its end all that begin so", examples=["email.*"]),
]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Value = bool | int | float | Annotated[str, Field(max_length=500)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FitRule(_In):
    """Points for what a lead is: given while all of its conditions hold, taken back when they do not any more."""

    key: RuleKey
    label: Annotated[Label, Field(description="For people")] | None = None
    points: Points
    when: Annotated[Filters, Field(description="The lead's values, as in the filters of a segment")] | None = None
    job_title: (
        Annotated[
            list[Word],
            Field(
                min_length=1,
                max_length=100,
                description="Any of these words, whole, whatever their case; Chinese ones anywhere",
            ),
        ]
        | None
    ) = None
    verdict: Annotated[list[Literal["valid", "suspect", "invalid"]], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.when or self.job_title or self.verdict):
            raise ValueError("a fit rule needs a condition: when, job_title or verdict")
        return self


class EngagementRule(_In):
    """Points for each activity of a kind; half of them are left after each half-life."""

    key: RuleKey
    label: Annotated[Label, Field(description="For people")] | None = None
    points: Points
    kind: KindPattern | Annotated[list[KindPattern], Field(min_length=1, max_length=100)]
    channel: (
        Annotated[list[Word], Field(min_length=1, max_length=100, description="The activity's channel is one of these")]
        | None
    ) = None
    rating_gte: (
        Annotated[
            Share, Field(description="The rating is at least here on its scale, from 0, the worst, to 1, the best")
        ]
        | None
    ) = None
    rating_lte: Annotated[Share, Field(description="The rating is at most here on its scale")] | None = None
    data: (
        Annotated[
            dict[Word, Value | Annotated[list[Value], Field(min_length=1, max_length=100)]],
            Field(
                min_length=1,
                max_length=20,
                description="The activity's data have one of these values; with `*` at its end, one that begins so",
                examples=[{"url": ["/pricing", "/plans/*"]}],
            ),
        ]
        | None
    ) = None
    half_life_days: Annotated[float, Field(gt=0, le=3650, description="null: the points do not decay")] | None = 30
    at_most: Annotated[int, Field(ge=1, le=1000, description="Only so many count: the newest")] | None = None
    per_day: (
        Annotated[int, Field(ge=1, le=1000, description="Only so many of a day (UTC) count: the earliest")] | None
    ) = None

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if self.half_life_days is None and self.at_most is None:
            raise ValueError("points that do not decay need at_most, or a score would grow for ever")
        return self


class ScoringRules(_In):
    """All rules, and the bounds of the score."""

    fit: Annotated[list[FitRule], Field(max_length=200)] = []
    engagement: Annotated[list[EngagementRule], Field(max_length=200)] = []
    floor: Annotated[int, Field(description="No score is below it; null: no such bound")] | None = 0
    ceiling: Annotated[int, Field(description="No score is above it")] | None = None
    thresholds: Annotated[
        list[int],
        Field(
            max_length=20,
            description="Scores that matter to you: when one is crossed by decay alone, it is told at once",
        ),
    ] = []

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        keys = Counter([rule.key for rule in self.fit] + [rule.key for rule in self.engagement])
        if twice := [key for key, times in keys.items() if times > 1]:
            raise ValueError(f"{twice[0]}: every rule needs a key of its own")
        if self.floor is not None and self.ceiling is not None and self.floor > self.ceiling:
            raise ValueError("the floor is above the ceiling")
        return self


SCORING: Final = RuleSet("scoring-rules", ScoringRules)
