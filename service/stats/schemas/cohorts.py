"""The cohort triangle on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.stats.calendars import Interval
from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out, RateOut

Milestone = Literal["cleaned", "nurtured", "opportunity", "won", "churned"]


class CohortsQuery(GroupedQuery):
    """`GET /v1/stats/cohorts`."""

    interval: Annotated[Interval, Field(description="Which journeys are one cohort: those that started in a …")] = (
        "month"
    )
    milestone: Annotated[Milestone, Field(description="The stage whose coming is followed")] = "won"
    age: Annotated[str, Field(description="Size of an age bucket, an ISO 8601 duration", examples=["P30D"])] = "P30D"
    ages: Annotated[int, Field(ge=1, le=60, description="How many age buckets")] = 12


class CohortCellOut(Out):
    """Those that came to the milestone in one age bucket, and all that came by its end, of all of the cohort."""

    age: str
    count: int
    cumulative: RateOut
    leads: str
    cumulative_leads: str


class CohortOut(Out):
    """Journeys that started in one bucket; a cell is null until the youngest of them is old enough for it."""

    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    entered: int
    cells: list[CohortCellOut | None]
    leads: str


class CohortGroupOut(Out):
    """The triangle of one group."""

    key: dict[str, str | None]
    cohorts: list[CohortOut]


class CohortsDefinitionOut(DefinitionOut):
    """What was counted, and the sizes of both kinds of buckets."""

    interval: Interval
    milestone: Milestone
    age: str
    ages: int


class CohortsOut(Out):
    """How many came to a stage at which age."""

    definition: CohortsDefinitionOut
    groups: list[CohortGroupOut]
    totals: CohortGroupOut
