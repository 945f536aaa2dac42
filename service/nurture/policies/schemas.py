"""What policies are made of: when something is to be done about a lead, and what."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, computed_field

from service.leads.fields import Instant, ShortText
from service.leads.filling import FILLED
from service.lifecycle.stages import Stage
from service.nurture.policies.loops import loops_in
from service.nurture.rules import RuleSet
from service.nurture.scoring.rules import KindPattern, Share
from service.stats.segments.schemas import Filters, Label, SegmentKey

PolicyKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Days = Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)]
Score = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
ReasonCode = Annotated[str, StringConstraints(min_length=1, max_length=100)]
MoveEvent = Literal["clean", "nurture", "qualify", "recycle", "win", "repurchase", "churn", "reactivate"]
OncePer = Literal["stage", "journey", "lead"]

FIELDS: Final = frozenset(
    {*FILLED, "tags", "attributes", "external_ids", "consent", "verdict", "amount", "currency", "touchpoints"}
)
"""What `lead.updated` may say has changed, and a policy may wait for."""


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ActivityCondition(_In):
    """Something the lead did, so often, lately, and with such a rating."""

    kind: KindPattern
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    within_days: Annotated[Days, Field(description="How long ago it may be; absent: ever")] | None = None
    rating_gte: (
        Annotated[
            Share, Field(description="The rating is at least here on its scale, from 0, the worst, to 1, the best")
        ]
        | None
    ) = None
    rating_lte: Annotated[Share, Field(description="The rating is at most here on its scale")] | None = None


class PolicyTrigger(_In):
    """What must happen for the policy to fire: exactly one of these. It fires each time, unless `once_per` says otherwise."""

    created: Literal[True] | None = None
    returned: (
        Annotated[
            Literal[True],
            Field(
                description="The lead was reactivated by its own submission or by a person, or did something after it had "
                "churned; spam and tests do not return"
            ),
        ]
        | None
    ) = None
    entered: Annotated[list[Stage], Field(min_length=1, description="It came into one of these stages")] | None = None
    activity: Annotated[ActivityCondition, Field(description="It did something, for the n-th time at least")] | None = (
        None
    )
    score_reached: Annotated[Score, Field(description="Its score came from below to this or more")] | None = None
    changed: (
        Annotated[
            list[str],
            Field(min_length=1, max_length=50, description="One of these fields changed", examples=[["tags"]]),
        ]
        | None
    ) = None


class PolicyWhen(_In):
    """All of this must hold at once. Without `on`, it fires when that begins to be so."""

    stages: Annotated[list[Stage], Field(min_length=1, description="The lead is in one of these stages")] | None = None
    verdict: (
        Annotated[list[Literal["valid", "suspect", "invalid"]], Field(min_length=1, description="What cleaning found")]
        | None
    ) = None
    score_gte: Score | None = None
    score_lt: Score | None = None
    segment: Annotated[SegmentKey, Field(description="The lead is of this segment")] | None = None
    filters: Filters | None = None
    has_owner: bool | None = None
    churned_for: (
        Annotated[
            list[ReasonCode], Field(min_length=1, max_length=50, description="It churned for one of these reasons")
        ]
        | None
    ) = None
    not_yet: Annotated[Stage, Field(description="On its journey it has not come as far as this stage")] | None = None
    did: Annotated[ActivityCondition, Field(description="It did something before")] | None = None
    idle_days: Annotated[Days, Field(description="For so long it did nothing and was not moved")] | None = None
    days_in_stage: Annotated[Days, Field(description="For so long it has been in its stage")] | None = None
    on: PolicyTrigger | None = None


class PolicyMove(_In):
    """An event of the lifecycle, with its reason where it needs one."""

    event: MoveEvent
    reason: Annotated[ReasonCode, Field(description="A code of GET /v1/lifecycle")] | None = None
    allow_skip: bool = False


class PolicyAssign(_In):
    """Who gets the lead: an owner, or whoever it is in a team. A lead that somebody has stays theirs unless `take_over`."""

    owner: ShortText | None = None
    team: ShortText | None = None
    take_over: bool = False


class PolicyTags(_In):
    """Tags to add and to remove."""

    add: Annotated[list[ShortText], Field(max_length=20)] = []
    remove: Annotated[list[ShortText], Field(max_length=20)] = []


class PolicyThen(_In):
    """What is done: at least one of these. If the move is refused, the rest is not done either."""

    move: PolicyMove | None = None
    assign: PolicyAssign | None = None
    tag: PolicyTags | None = None
    announce: Annotated[bool, Field(description="Tell of it with the event `policy.fired`")] = False


class LeadPolicy(_In):
    """One policy: when, and then what."""

    key: PolicyKey
    label: Annotated[Label, Field(description="For people")] | None = None
    enabled: bool = True
    when: PolicyWhen
    then: PolicyThen
    once_per: (
        Annotated[
            OncePer,
            Field(
                description="How often it fires: once while the lead stays in a stage, once in a journey, or once. Absent: once "
                "while it stays in its stage, with `idle_days` once in each idle time, and with `on` each time"
            ),
        ]
        | None
    ) = None


class Caution(BaseModel):
    """Something that is allowed, and perhaps not meant."""

    code: Literal["loop"]
    policies: list[str]
    detail: str


class Policies(_In):
    """Policies in the order in which they are tried: each sees what the ones before it did."""

    policies: Annotated[list[LeadPolicy], Field(max_length=100)] = []
    max_moves_per_day: Annotated[
        int,
        Field(ge=1, le=100, description="Whom policies moved so often within 24 hours is parked, and not moved again"),
    ] = 5
    stale_after_days: Annotated[
        Days, Field(description="What happened longer ago when we hear of it triggers nothing (`on`)")
    ] = 7

    @computed_field(description="What is allowed, and perhaps not meant")  # type: ignore[prop-decorator]  # pydantic's own way
    @property
    def warnings(self) -> list[Caution]:
        """Return which policies feed each other."""
        return [
            Caution(
                code="loop",
                policies=keys,
                detail="each leads where another one begins: a lead could go round and round, until it is parked",
            )
            for keys in loops_in(self.policies)
        ]


class DryRun(_In):
    """Which policies to replay (absent: those that hold), over which time, and over which part of the leads."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    policies: Annotated[Policies, Field(description="Absent: those that hold")] | None = None
    days: (
        Annotated[int, Field(ge=1, le=3650, description="The last days before `to`: another way to say `from`")] | None
    ) = None
    from_: Annotated[Instant | None, Field(alias="from", description="When the policies come into force")] = None
    to: Annotated[Instant, Field(description="Absent: now, and the answer says when that was")] | None = None
    scores: Annotated[
        Literal["told", "computed"],
        Field(
            description="`told`: as they were at the time. `computed`: by the scoring rules of today, from what had happened by then"
        ),
    ] = "told"
    sample: (
        Annotated[
            float,
            Field(
                gt=0,
                le=1,
                description="The part of the leads to replay, always the same ones. Absent: all, or as many of them as make 20,000",
            ),
        ]
        | None
    ) = None


POLICIES: Final = RuleSet("policies", Policies)
