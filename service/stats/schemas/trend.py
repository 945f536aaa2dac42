"""The trend on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from service.stats.calendars import Interval
from service.stats.question import Mode
from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out


class TrendQuery(GroupedQuery):
    """`GET /v1/stats/trend`."""

    mode: Annotated[
        Mode,
        Field(description="Entries into each stage in each bucket, or how far the journeys came that started in it"),
    ] = "period"
    interval: Annotated[
        Interval, Field(description="Size of a bucket, by the calendar of `tz`; weeks start on Monday")
    ] = "day"


class TrendBucketOut(Out):
    """One calendar bucket, half-open: the count of every stage, and the address behind each that is not zero.

    Counts of a bucket that has not begun yet are null.
    """

    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    counts: dict[str, int | None]
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
