"""What goes in and out over HTTP, for teams, assignments and the pool."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.leads.answers import LeadOut
from service.leads.fields import Instant, LongText, ShortText
from service.leads.listing import LeadFilters, Values
from service.nurture.assignment.rules import Span
from service.stats.schemas.scope import Out, RateOut
from service.stats.segments.schemas import SegmentKey

Status = Literal["offered", "accepted", "rejected", "reclaimed", "released", "ended"]
Method = Literal["round_robin", "weighted", "least_loaded", "owner", "sticky", "by_hand", "claimed", "recorded"]
Reason = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$"),
    Field(description="A code of your own, to count by", examples=["wrong_territory"]),
]
Note = Annotated[LongText, Field(description="In words; it is forgotten when the person is erased")]
Sort = Literal["oldest", "best"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MemberOut(BaseModel):
    """Somebody of a team, and how they stand."""

    owner: str
    weight: int
    capacity: int | None
    active: bool
    away_until: datetime | None
    countries: list[str]
    regions: list[str]
    industries: list[str]
    open: Annotated[int, Field(description="Leads that they have open now, whoever gave them")]
    available: Annotated[bool, Field(description="Whether they can take another lead now: active, not away, not full")]
    given: Annotated[int, Field(description="Leads that they got by turns in this team")]
    due: Annotated[
        float,
        Field(description="Leads that they have earned by their share and not got: within one, where all can take all"),
    ]


class TeamOut(BaseModel):
    """A team, and how its members stand."""

    key: str
    label: str | None
    members: list[MemberOut]
    version: int
    created_at: datetime
    updated_at: datetime


class AssignmentOut(BaseModel):
    """Who had a lead, from when until when, and why."""

    id: UUID
    lead_id: UUID
    owner: str
    team: Annotated[str | None, Field(description="The team whose turns gave it, if any did")]
    rule: str | None
    version: Annotated[int | None, Field(description="The version of the rules")]
    method: Method
    why: dict[str, Any]
    status: Status
    reason: Annotated[
        str | None, Field(description="How it ended: what people said, or the rule that took the lead back")
    ]
    note: str | None
    journey: int
    offered_at: datetime
    accept_by: Annotated[datetime | None, Field(description="The offer goes on to somebody else then")]
    accepted_at: datetime | None
    decided_at: Annotated[datetime | None, Field(description="When it was accepted, or rejected")]
    ended_at: datetime | None
    actor: str
    ended_by: str | None


class AssignmentDoneOut(BaseModel):
    """The assignment that holds now, if any does, and the lead after it."""

    assignment: AssignmentOut | None
    lead: LeadOut


class AssignmentFilters(BaseModel):
    """What assignments are chosen by; a filter given several times means any of its values. Test leads are left out."""

    model_config = ConfigDict(populate_by_name=True)

    owner: Values = []
    team: Values = []
    rule: Values = []
    method: Annotated[list[Method], Field(max_length=10)] = []
    status: Annotated[list[Status], Field(max_length=6)] = []
    reason: Values = []
    accepted: Annotated[bool | None, Field(description="Whether it was ever accepted")] = None
    missing: Annotated[list[Literal["team", "rule"]], Field(max_length=2, description="Those without one (too)")] = []
    from_: Annotated[Instant | None, Field(alias="from", description="Assigned at or after this")] = None
    to: Annotated[Instant | None, Field(description="Assigned before this")] = None


class AssignmentQuery(AssignmentFilters):
    """The parameters of the list of assignments."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=4000)] | None = None
    count: Annotated[bool, Field(description="Also answer how many there are in all")] = False


class AssignmentListOut(BaseModel):
    """A page of assignments; ``total`` where ``count=true`` asked for it."""

    data: list[AssignmentOut]
    next_cursor: str | None
    total: int | None = None


class AssignmentCreate(_In):
    """To whom a lead is assigned: to one person, to whose turn it is in a team, or to whom the rules find."""

    owner: ShortText | None = None
    team: SegmentKey | None = None
    auto: Annotated[bool, Field(description="By the first rule that is for the lead")] = False
    accepted: Annotated[bool, Field(description="They have agreed already: it need not be accepted")] = False
    accept_within: Annotated[Span | None, Field(description="As in a rule; what a rule says comes first")] = None
    override: Annotated[bool, Field(description="To an owner who is away, inactive or full all the same")] = False
    reason: Reason | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if [self.owner is not None, self.team is not None, self.auto].count(True) != 1:
            raise ValueError("give one of owner, team and auto")
        return self


class _ByOwner(_In):
    owner: Annotated[
        ShortText | None,
        Field(description="Who does it: refused with 409 if the lead is somebody else's by now"),
    ] = None


class AssignmentAccept(_ByOwner):
    """Who accepts."""


class AssignmentReject(_ByOwner):
    """Why somebody does not want a lead."""

    reason: Reason
    note: Note | None = None


class AssignmentRelease(_ByOwner):
    """Why a lead is given back."""

    reason: Reason = "given_back"
    note: Note | None = None


class PoolQuery(LeadFilters, BaseModel):
    """The parameters of the pool: as those of the lead list, and its order and pages. Without `stage`: the stages of the rules."""

    sort: Annotated[Sort, Field(description="`oldest`: longest in their stage; `best`: highest score")] = "oldest"
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=4000)] | None = None
    count: Annotated[bool, Field(description="Also answer how many there are in all")] = False


class Claim(_In):
    """Who takes a lead out of the pool, and which."""

    owner: ShortText
    filters: Annotated[
        dict[Annotated[str, Field(max_length=200)], str | int | list[str]],
        Field(
            max_length=20,
            description="As the parameters of `GET /v1/pool`",
            examples=[{"country": ["DE", "AT"], "score_gte": 50}],
        ),
    ] = {}
    sort: Annotated[Sort, Field(description="As in `GET /v1/pool`")] = "oldest"


class PooledOut(LeadOut):
    """A lead in the pool, and how it came there."""

    last_assignment: AssignmentOut | None


class PoolOut(BaseModel):
    """A page of the pool; ``total`` where ``count=true`` asked for it."""

    data: list[PooledOut]
    next_cursor: str | None
    total: int | None = None


class AssignmentStatsQuery(BaseModel):
    """`GET /v1/stats/assignment`."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[
        str | None,
        Field(alias="from", description="Assigned from then on: a date (in `tz`) or an instant. Absent: the beginning"),
    ] = None
    to: Annotated[str | None, Field(description="Assigned before then. Absent: everything so far")] = None
    tz: Annotated[str, Field(description="IANA time zone of dates", examples=["Asia/Shanghai"])] = "UTC"
    group_by: Annotated[
        list[str], Field(max_length=4, description="Of owner, team, rule and method; repeated or separated by commas")
    ] = ["owner"]
    owner: Values = []
    team: Values = []
    rule: Values = []
    method: Annotated[list[Method], Field(max_length=10)] = []


class AssignmentDefinition(Out):
    """What was counted: every parameter as it was understood, and all of it in words."""

    from_: Annotated[datetime | None, Field(alias="from")]
    to: datetime | None
    tz: str
    at: datetime
    group_by: list[Literal["owner", "team", "rule", "method"]]
    filters: dict[str, list[str]]
    text: str


class AssignmentCountOut(Out):
    """A figure, and the address of the assignments that it counts."""

    count: int
    assignments: str


class ReasonCountOut(AssignmentCountOut):
    """The same, of one reason."""

    reason: str


class AssignmentOutcomeOut(AssignmentCountOut):
    """How many ended so, and why."""

    reasons: list[ReasonCountOut]


class TimeToAcceptOut(Out):
    """How long offers waited that were accepted."""

    count: int
    median_seconds: float | None


class LoadOut(Out):
    """What an owner has open at this moment."""

    open: int
    capacity: int | None
    assignments: str


class AssignmentGroupOut(Out):
    """What became of the assignments of one group. Each is in one of `waiting`, `at_work`, and how it ended."""

    key: dict[str, str | None]
    assigned: AssignmentCountOut
    accepted: AssignmentCountOut
    acceptance: RateOut
    waiting: AssignmentCountOut
    at_work: AssignmentCountOut
    rejected: AssignmentOutcomeOut
    reclaimed: AssignmentOutcomeOut
    released: AssignmentOutcomeOut
    ended: AssignmentOutcomeOut
    time_to_accept: TimeToAcceptOut
    now: Annotated[LoadOut | None, Field(description="Where it is grouped by owner")]


class AssignmentStatsOut(Out):
    """`GET /v1/stats/assignment`."""

    definition: AssignmentDefinition
    groups: list[AssignmentGroupOut]
