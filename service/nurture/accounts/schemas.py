"""What goes in and out over HTTP, for accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.leads.fields import Currency, LongText
from service.lifecycle.stages import Stage
from service.nurture.accounts.roles import MEANINGS, Role

Values = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=100)]
Cursor = Annotated[str, Field(max_length=4000)]
Sort = Literal[
    "domain",
    "-domain",
    "people",
    "-people",
    "score",
    "-score",
    "last_activity_at",
    "-last_activity_at",
    "open_amount",
    "-open_amount",
    "won_amount",
    "-won_amount",
]
PeopleSort = Literal["score", "-score", "last_activity_at", "-last_activity_at", "created_at", "-created_at"]
Interval = Literal["day", "week", "month", "quarter"]
Coverage = Literal["said", "suggested", "missing"]
_PARTS: Final = "; ".join(f"`{role}` {meaning}" for role, meaning in MEANINGS.items())


class AccountQuery(BaseModel):
    """The parameters of the list of accounts. A filter given several times means any of its values; different filters must all hold."""

    model_config = ConfigDict(extra="forbid")

    domain: Values = []
    tier: Values = []
    missing: Annotated[list[Literal["tier"]], Field(max_length=1, description="`tier`: accounts of no tier")] = []
    industry: Annotated[Values, Field(description="As the account shows it: what most of its people say")] = []
    size: Values = []
    country: Values = []
    region: Values = []
    stage: Annotated[list[Stage], Field(max_length=7, description="Accounts with somebody in this stage")] = []
    owner: Annotated[Values, Field(description="Accounts with somebody of this owner")] = []
    people_gte: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    q: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=200,
                description="Words of the name, or their beginnings, or a part of the domain",
            ),
        ]
        | None
    ) = None
    sort: Sort = "domain"
    currency: Annotated[Currency, Field(description="That amounts are sorted by; nothing is converted")] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Cursor | None = None
    count: Annotated[bool, Field(description="Also answer how many there are in all")] = False


class PeopleQuery(BaseModel):
    """The parameters of the list of an account's people."""

    model_config = ConfigDict(extra="forbid")

    stage: Annotated[list[Stage], Field(max_length=7)] = []
    owner: Values = []
    sort: PeopleSort = "-score"
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Cursor | None = None


class EngagementQuery(BaseModel):
    """When to look at, and how it is cut."""

    model_config = ConfigDict(extra="forbid")

    interval: Interval = "week"
    from_: Annotated[
        str | None,
        Field(alias="from", max_length=100, description="A date in the zone, or an instant; twelve intervals ago"),
    ] = None
    to: Annotated[str | None, Field(max_length=100, description="Itself not included; now, if absent")] = None
    tz: Annotated[str, Field(max_length=100, description="The zone whose days these are")] = "UTC"


class RoleSaid(BaseModel):
    """Somebody's part in the decision to buy."""

    model_config = ConfigDict(extra="forbid")

    role: Annotated[Role, Field(description=_PARTS)]
    note: LongText | None = None


class DealsOut(BaseModel):
    """Deals and their amounts as decimal strings by currency; nothing is converted, and those of which no amount is known are told apart."""

    deals: int
    without_amount: int
    amounts: dict[str, str]


class AccountOut(BaseModel):
    """The people of one company, told by its domain."""

    id: str
    domain: str
    name: str | None
    industry: str | None
    size: str | None
    country: str | None
    region: str | None
    tier: str | None
    people: int
    stages: dict[Stage, int]
    furthest_stage: Stage
    score: int
    open: DealsOut
    won: DealsOut
    owners: list[str]
    first_touch_at: datetime
    last_activity_at: datetime


class AccountListOut(BaseModel):
    """A page of accounts; ``total`` only if asked for."""

    data: list[AccountOut]
    next_cursor: str | None


class FactOut(BaseModel):
    """What most of those say who say anything of it; of as many, the newest lead's word."""

    value: str
    people: int
    told: int


class ScorePartOut(BaseModel):
    """What one person's score counts for: the best in full, each further one half of what the one before it counts."""

    lead_id: UUID
    score: int
    counts: float


class TierReasonOut(BaseModel):
    """What the rules said, under which version of them, and since when; what was asked and what was found."""

    tier: str | None
    version: int
    why: dict[str, Any]
    since: datetime


class OwnerOut(BaseModel):
    """Who has how many of the account's people."""

    owner: str
    people: int


class RoleOut(BaseModel):
    """Who has a buying role: those of whom it was said, and how many others have a job title that speaks for it."""

    role: Role
    expected: bool
    lead_ids: list[UUID]
    suggested: int
    coverage: Coverage


class RolesOut(BaseModel):
    """The roles, and those that are expected and that nobody has."""

    roles: list[RoleOut]
    missing: list[Role]


class HappenedOut(BaseModel):
    """What happened in some time; ``inbound`` is what they did, ``outbound`` what one of us did, ``system`` what a machine did."""

    inbound: int
    outbound: int
    system: int
    touchpoints: int
    engaged_people: int


class BucketOut(HappenedOut):
    """What happened in one interval, its end not included."""

    start: datetime
    end: datetime


class EngagementOut(BaseModel):
    """What happened with an account over time; people who were engaged in several intervals are one in all of them together."""

    interval: Interval
    tz: str
    data: list[BucketOut]
    all: HappenedOut


class PersonOut(BaseModel):
    """One of an account's people. ``suggested_role`` is what the job title speaks for; a role that was said always wins."""

    lead_id: UUID
    full_name: str | None
    email: str | None
    job_title: str | None
    stage: Stage
    furthest_stage: Stage
    score: int
    owner: str | None
    acquired_at: datetime
    last_activity_at: datetime | None
    role: Role | None
    role_note: str | None
    role_said_by: str | None
    role_said_at: datetime | None
    suggested_role: Role | None
    suggested_because: str | None


class PeopleOut(BaseModel):
    """A page of people."""

    data: list[PersonOut]
    next_cursor: str | None


class PossiblePersonOut(BaseModel):
    """A lead that names the company and has no domain; it does not count."""

    lead_id: UUID
    full_name: str | None
    company_name: str


class AccountDetailOut(AccountOut):
    """An account with how its facts were chosen, what its score is made of, why it has its tier, who is missing, and its first people."""

    facts: dict[str, FactOut | None]
    score_parts: list[ScorePartOut]
    tier_reason: TierReasonOut | None
    people_by_owner: list[OwnerOut]
    buying_roles: RolesOut
    engagement: EngagementOut
    first_people: list[PersonOut]
    all_people: Annotated[str, Field(description="The address of all of its people")]
    possible_people: Annotated[
        list[PossiblePersonOut],
        Field(description="Up to 20 leads that name the company and have no domain; give them one"),
    ]
    left_out: Annotated[dict[str, int], Field(description="Leads of the domain that do not count: `test`")]


class RoleHistoryOut(BaseModel):
    """What was said of somebody's role; no role: what was said before was taken back."""

    id: UUID
    role: Role | None
    note: str | None
    actor: str
    at: datetime
    ended_at: datetime | None


class AccountTiersTrialOut(BaseModel):
    """What would become of accounts."""

    accounts: int
    changed: int
    before: Annotated[dict[str, int], Field(description="Accounts by tier as they are; `none`: of no tier")]
    after: dict[str, int]
    data: Annotated[list[TierChangeOut], Field(description="The first of those that would change, by domain")]


class TierChangeOut(BaseModel):
    """An account whose tier would change, and why."""

    domain: str
    from_tier: str | None
    to_tier: str | None
    why: dict[str, Any]


class AccountCountOut(BaseModel):
    """How many accounts are of a tier whose furthest person came so far, and the address of the tier's accounts."""

    tier: str | None
    furthest_stage: Stage
    accounts: int
    people: int
    address: str


class AccountCountsOut(BaseModel):
    """Accounts by tier and by how far the furthest of their people came."""

    data: list[AccountCountOut]
    next_cursor: None


AccountTiersTrialOut.model_rebuild()
