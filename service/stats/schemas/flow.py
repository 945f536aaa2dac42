"""Flow and occupancy on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from service.stats.calendars import Interval
from service.stats.schemas.scope import DefinitionOut, GroupedQuery, Out


class FlowQuery(GroupedQuery):
    """`GET /v1/stats/flow`."""

    interval: Annotated[
        Interval | None, Field(description="Size of a bucket, by the calendar of `tz`. Absent: all in one")
    ] = None
    distinct: Annotated[
        bool, Field(description="Count different leads as well: read from the ledger, not from the counters, so slower")
    ] = False


class FlowLinkOut(Out):
    """From one stage to another: ``source`` is null for leads that were acquired. ``leads`` lists the moves."""

    source: str | None
    target: str
    moves: int
    distinct_leads: int | None
    leads: str


class FlowBucketOut(Out):
    """One calendar bucket, half-open, with the pairs of stages that had moves in it."""

    from_: Annotated[datetime | None, Field(alias="from")]
    to: datetime
    links: list[FlowLinkOut]


class FlowGroupOut(Out):
    """The flow of one group."""

    key: dict[str, str | None]
    buckets: list[FlowBucketOut]


class FlowDefinitionOut(DefinitionOut):
    """What was counted, the size of the buckets, and whether different leads were counted."""

    interval: Interval | None
    distinct: bool


class FlowOut(Out):
    """How many moved between each pair of stages."""

    definition: FlowDefinitionOut
    groups: list[FlowGroupOut]
    totals: FlowGroupOut


class OccupancyQuery(GroupedQuery):
    """`GET /v1/stats/occupancy`."""

    at: Annotated[
        str | None,
        Field(description="The instant, or the date whose first instant in `tz` is meant. Absent, without from: now"),
    ] = None
    interval: Annotated[
        Interval, Field(description="With from and to: how far apart the instants lie, by the calendar of `tz`")
    ] = "day"


class OccupancyPointOut(Out):
    """Who stood where at an instant; moves at that very instant have not happened yet. Null at an instant that has not come yet."""

    at: datetime
    stages: dict[str, int | None]
    total: int | None
    leads: dict[str, str]
    total_leads: str | None


class OccupancyGroupOut(Out):
    """The occupancy of one group: every instant asked for."""

    key: dict[str, str | None]
    points: list[OccupancyPointOut]


class OccupancyDefinitionOut(DefinitionOut):
    """What was counted; ``interval`` is null for a single instant."""

    interval: Interval | None


class OccupancyOut(Out):
    """How many leads stood in each stage."""

    definition: OccupancyDefinitionOut
    groups: list[OccupancyGroupOut]
    totals: OccupancyGroupOut
