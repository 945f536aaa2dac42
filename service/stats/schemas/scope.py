"""What all questions are asked with and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from service.core.http.queries import AttributesQuery
from service.stats.definitions import Skips
from service.stats.question import AsOf, Mode, NamedDimension, Segment, Unit

Values = Annotated[list[str], Field(max_length=100)]


class ScopeQuery(AttributesQuery, BaseModel):
    """The parameters that all questions share. Custom attributes of the lead are dimensions too: ``attributes.plan=pro``."""

    model_config = ConfigDict(populate_by_name=True)

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
    as_of: Annotated[
        AsOf,
        Field(description="Take dimensions of the lead as they are now, or as they were when the journey was entered"),
    ] = "now"
    segment: Annotated[str | None, Field(max_length=100, description="Only what is of this saved segment, too")] = None
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
        list[NamedDimension | Annotated[str, Field(pattern=r"^attributes\..+")]],
        Field(max_length=10, description="Count leads without a value of this dimension (too)"),
    ] = []

    _found: Segment | None = PrivateAttr(default=None)

    @property
    def found_segment(self) -> Segment | None:
        """The segment that `segment` names; `segments.resolved` has looked it up."""
        return self._found

    def within(self, segment: Segment) -> Self:
        """Return the same query with its segment found."""
        query = self.model_copy()
        query._found = segment  # noqa: SLF001  a copy of our own
        return query


class GroupedQuery(ScopeQuery):
    """A question whose answer may be split into groups."""

    group_by: Annotated[
        list[str], Field(max_length=10, description="Up to three dimensions, repeated or separated by commas")
    ] = []


class Out(BaseModel):
    """An answer; filled by its alias on the wire."""

    model_config = ConfigDict(populate_by_name=True)


class SegmentNamedOut(Out):
    """The segment that was asked for, as it is defined now."""

    key: str
    filters: dict[str, list[str | None]]


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
    group_by: list[str]
    filters: dict[str, list[str | None]]
    segment: SegmentNamedOut | None
    as_of: AsOf
    text: str


class RateOut(Out):
    """A share with its Wilson 95 % bounds; null where there is nothing to divide by, bounds null where it is no share."""

    numerator: int
    denominator: int
    rate: float | None
    low: float | None
    high: float | None
    insufficient_data: Annotated[bool, Field(description="Fewer than 30 to divide by: do not build on it")]
