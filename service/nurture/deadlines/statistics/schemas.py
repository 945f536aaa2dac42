"""Statistics of deadlines on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.lifecycle.stages import Stage
from service.nurture.deadlines.rules import What
from service.nurture.deadlines.schemas import Missing, Values
from service.stats.schemas.scope import Out, RateOut

Dimension = Literal["owner", "channel", "stage", "rule"]
Leaving = Literal["competes", "responds"]


class DeadlinesScope(BaseModel):
    """What both statistics are asked with. The unit is the deadline; it counts in the interval in which the stage was entered."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[
        str | None,
        Field(alias="from", description="Start of the interval: a date (in `tz`) or an instant. Absent: the beginning"),
    ] = None
    to: Annotated[
        str | None, Field(description="End of the interval, itself not included. Absent: everything so far")
    ] = None
    tz: Annotated[str, Field(description="IANA time zone of dates", examples=["Asia/Shanghai"])] = "UTC"
    group_by: Annotated[
        list[str],
        Field(max_length=4, description="Of owner, channel, stage and rule; repeated or separated by commas"),
    ] = []
    owner: Annotated[Values, Field(description="Who had the lead when it ended, or has it now")] = []
    channel: Annotated[Values, Field(description="Channel that started the journey")] = []
    stage: Annotated[list[Stage], Field(max_length=7)] = []
    rule: Annotated[Values, Field(description="Key of the rule")] = []
    missing: Annotated[
        list[Missing], Field(max_length=2, description="Count those without an owner or channel (too)")
    ] = []


class ResponseQuery(DeadlinesScope):
    """`GET /v1/stats/response`."""

    leaving: Annotated[
        Leaving,
        Field(
            description="What it is when a lead leaves the stage before anybody got in touch: the end of waiting without "
            "a response, or a response"
        ),
    ] = "competes"


class OverdueQuery(DeadlinesScope):
    """`GET /v1/stats/overdue`."""

    what: Annotated[list[What], Field(max_length=2)] = []


class DeadlinesDefinition(Out):
    """What was counted: every parameter as it was understood, and all of it in words."""

    from_: Annotated[datetime | None, Field(alias="from")]
    to: datetime | None
    tz: str
    at: Annotated[
        datetime, Field(description="The instant of the answer, up to which those that are not over were watched")
    ]
    group_by: list[Dimension]
    filters: dict[str, list[str | None]]
    text: str


class ResponseDefinition(DeadlinesDefinition):
    """The same, of response times."""

    leaving: Leaving


class ResponseSpanOut(Out):
    """Seconds by which half, three quarters and nine tenths had been responded to; null where that cannot be seen (yet)."""

    p50: float | None
    p75: float | None
    p90: float | None


class ResponseGroupOut(Out):
    """The response times of one group: by the clock, and in working time of the rule's calendar."""

    key: dict[str, str | None]
    started: int
    responded: int
    left: Annotated[int, Field(description="Left the stage before anybody got in touch")]
    open: Annotated[int, Field(description="Still waiting: counted for as long as they have waited so far")]
    clock_seconds: ResponseSpanOut
    working_seconds: ResponseSpanOut
    insufficient_data: Annotated[bool, Field(description="Fewer than 30 responses: do not build on it")]
    links: dict[str, str]


class ResponseOut(Out):
    """How soon leads are responded to."""

    definition: ResponseDefinition
    groups: list[ResponseGroupOut]
    totals: ResponseGroupOut


class OverdueGroupOut(Out):
    """What became of the deadlines of one group; the four parts add up to those that were started."""

    key: dict[str, str | None]
    started: int
    in_time: int
    late: int
    open: Annotated[int, Field(description="Not over, and time is left")]
    overdue: Annotated[int, Field(description="Not over, and time is up")]
    met: Annotated[RateOut, Field(description="In time, of all whose time is up or that are over")]
    links: dict[str, str]


class OverdueOut(Out):
    """How many deadlines are met."""

    definition: DeadlinesDefinition
    groups: list[OverdueGroupOut]
    totals: OverdueGroupOut
