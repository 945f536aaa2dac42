"""What statistics are asked with and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.stats.calendars import Interval
from service.stats.definitions import Skips
from service.stats.question import Dimension, Mode, Unit

Values = Annotated[list[str], Field(max_length=100)]


class ScopeQuery(BaseModel):
    """The parameters that all questions share."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[
        str | None,
        Field(alias="from", description="Start of the interval: a date (in `tz`) or an instant. Absent: the beginning"),
    ] = None
    to: Annotated[
        str | None, Field(description="End of the interval, itself not included. Absent: everything so far")
    ] = None
    tz: Annotated[
        str, Field(description="IANA time zone of dates and calendar buckets", examples=["Europe/Berlin"])
    ] = "UTC"
    unit: Annotated[Unit, Field(description="Count journeys, or leads by their first journey")] = "journey"
    skips: Annotated[Skips, Field(description="Whether a stage that was passed over counts as reached")] = "credit"
    window: Annotated[
        str | None,
        Field(
            description="Cohort mode: count only what happened within this ISO 8601 duration of the start",
            examples=["P30D"],
        ),
    ] = None
    known_at: Annotated[str | None, Field(description="Answer as it would have been answered at this instant")] = None
    channel: Annotated[Values, Field(description="Channel that started the journey; repeat for any of several")] = []
    campaign: Annotated[Values, Field(description="Campaign that started the journey")] = []
    entry_stage: Annotated[Values, Field(description="Stage the journey started in")] = []
    industry: Annotated[Values, Field(description="The lead's industry")] = []
    company_size: Annotated[Values, Field(description="The lead's company size")] = []
    country: Annotated[Values, Field(description="The lead's country")] = []
    region: Annotated[Values, Field(description="The lead's region")] = []
    owner: Annotated[Values, Field(description="The lead's owner")] = []
    score_band: Annotated[
        Values, Field(description="The band of the lead's score: below-25, 25-49, 50-74, from-75")
    ] = []
    tag: Annotated[Values, Field(description="A tag of the lead")] = []
    missing: Annotated[
        list[Dimension], Field(max_length=10, description="Count leads without a value of this dimension (too)")
    ] = []


class GroupedQuery(ScopeQuery):
    """A question whose answer may be split into groups."""

    group_by: Annotated[
        list[str], Field(max_length=10, description="Up to three dimensions, repeated or separated by commas")
    ] = []


class FunnelQuery(GroupedQuery):
    """`GET /v1/stats/funnel`."""

    mode: Annotated[Mode, Field(description="Journeys that started in the interval, or what happened in it")] = "cohort"


class TrendQuery(GroupedQuery):
    """`GET /v1/stats/trend`."""

    mode: Annotated[
        Mode,
        Field(description="Entries into each stage in each bucket, or how far the journeys came that started in it"),
    ] = "period"
    interval: Annotated[
        Interval, Field(description="Size of a bucket, by the calendar of `tz`; weeks start on Monday")
    ] = "day"


class Out(BaseModel):
    """An answer; filled by its alias on the wire."""

    model_config = ConfigDict(populate_by_name=True)


class DefinitionOut(Out):
    """What was counted: every parameter as it was understood, and all of it in words."""

    unit: Unit
    mode: Mode
    skips: Skips
    from_: Annotated[datetime | None, Field(alias="from")]
    to: datetime
    tz: str
    window: str | None
    known_at: datetime | None
    group_by: list[Dimension]
    filters: dict[str, list[str | None]]
    text: str


class RateOut(Out):
    """A share with its Wilson 95 % bounds; null where there is nothing to divide by, bounds null where it is no share."""

    numerator: int
    denominator: int
    rate: float | None
    low: float | None
    high: float | None


class ChurnedOut(Out):
    """Churned journeys by the category of their reason."""

    disqualified: int
    lost: int
    lapsed: int
    customer: int


class FunnelStageOut(Out):
    """One stage of the funnel. ``leads`` lists those reached, ``links`` those behind every other count that is not zero."""

    stage: str
    reached: int
    entered: int
    step: RateOut | None
    overall: RateOut
    skipped: int
    open: int
    churned: ChurnedOut
    leads: str
    links: dict[str, str]


class FunnelGroupOut(Out):
    """The funnel of one group."""

    key: dict[str, str | None]
    entered: int
    decided: RateOut
    stages: list[FunnelStageOut]
    leads: str


class PeriodStageOut(Out):
    """What happened to one stage in the interval: ``opening + in - out = closing``. ``step``: exits further along the funnel, of all exits."""

    stage: str
    opening: int
    in_: Annotated[int, Field(alias="in")]
    out: int
    closing: int
    step: RateOut | None
    leads: str
    links: dict[str, str]


class PeriodGroupOut(Out):
    """The stages of one group in the interval."""

    key: dict[str, str | None]
    stages: list[PeriodStageOut]


class FunnelOut(Out):
    """The funnel: how far the journeys of an interval came (cohort mode), or what happened to each stage in it (period mode)."""

    definition: DefinitionOut
    groups: list[FunnelGroupOut] | list[PeriodGroupOut]
    totals: FunnelGroupOut | PeriodGroupOut


class TrendBucketOut(Out):
    """One calendar bucket, half-open: the count of every stage, and the address behind each that is not zero."""

    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    counts: dict[str, int]
    leads: dict[str, str]


class TrendGroupOut(Out):
    """The trend of one group: every bucket of the interval, empty ones too."""

    key: dict[str, str | None]
    buckets: list[TrendBucketOut]


class TrendDefinitionOut(DefinitionOut):
    """What was counted, and the size of the buckets."""

    interval: Interval


class TrendOut(Out):
    """Entries into each stage per bucket (period mode), or journeys started in each bucket that came to each stage (cohort mode)."""

    definition: TrendDefinitionOut
    groups: list[TrendGroupOut]
    totals: TrendGroupOut


Behind = Literal["funnel", "period", "trend"]


class BehindQuery(ScopeQuery):
    """The parameters of an address that lists the leads behind a figure."""

    behind: Behind
    stage: str
    part: str | None = None
