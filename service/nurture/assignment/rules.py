"""Teams, and rules of who gets which lead and when it is taken back, as data."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.leads.fields import Instant, ShortText
from service.lifecycle.stages import Stage
from service.nurture.assignment.picking import Method
from service.nurture.rules import RuleSet
from service.stats.segments.schemas import Filters, Label, SegmentKey

Span = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=3660), examples=["PT4H", "P3D"])]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"])]
ENDED: Final = (Stage.WON, Stage.CHURNED)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Member(_Part):
    """Somebody of a team, by the name that leads have as their ``owner``."""

    owner: ShortText
    weight: Annotated[int, Field(ge=1, le=1000, description="Somebody of weight 2 gets twice what one of 1 gets")] = 1
    capacity: Annotated[
        int | None,
        Field(ge=0, le=1_000_000, description="Most leads they have open at once, whoever gave them; null: any number"),
    ] = None
    active: Annotated[bool, Field(description="Whether they work with leads at all")] = True
    away_until: Annotated[Instant | None, Field(description="On leave until then: they get nothing new")] = None
    countries: Annotated[list[Country], Field(max_length=250, description="Theirs alone; none: all")] = []
    regions: Annotated[list[ShortText], Field(max_length=250, description="Theirs alone; none: all")] = []
    industries: Annotated[list[ShortText], Field(max_length=250, description="Theirs alone; none: all")] = []

    def is_there(self, now: datetime) -> bool:
        """Say whether they take leads at a time."""
        return self.active and (self.away_until is None or self.away_until <= now)

    def covers(self, *, country: str | None, region: str | None, industry: str | None) -> bool:
        """Say whether leads of there are theirs."""
        return all(
            not mine or (value is not None and value.casefold() in {one.casefold() for one in mine})
            for mine, value in ((self.countries, country), (self.regions, region), (self.industries, industry))
        )


class TeamBody(_Part):
    """A team; who is in it get leads by turns."""

    label: Annotated[Label | None, Field(description="For people")] = None
    members: Annotated[list[Member], Field(max_length=500)] = []

    @model_validator(mode="after")
    def _has_everybody_once(self) -> Self:
        _refuse_twice([member.owner for member in self.members], "members")
        return self


class Team(TeamBody):
    """A team as it is kept: ``version`` is that of the teams when this one was last written."""

    version: int
    created_at: Instant
    updated_at: Instant


class Teams(_Part):
    """All teams, by their keys."""

    teams: dict[str, Team] = {}


class AssignmentWhen(_Part):
    """Which leads a rule is for; all of it must hold."""

    stages: Annotated[
        list[Stage], Field(min_length=1, max_length=7, description="The rule is tried when a lead enters one of them")
    ] = [Stage.OPPORTUNITY]
    segment: Annotated[SegmentKey | None, Field(description="Key of a saved segment")] = None
    filters: Annotated[Filters | None, Field(description="As those of a segment: country, industry, channel, …")] = None
    score_gte: int | None = None

    @model_validator(mode="after")
    def _is_of_leads_at_work(self) -> Self:
        if ended := [str(stage) for stage in self.stages if stage in ENDED]:
            raise ValueError(f"stages: nobody works on a lead that is {ended[0]}")
        return self


class To(_Part):
    """Who gets the lead: one person, or whose turn it is in a team."""

    owner: ShortText | None = None
    team: SegmentKey | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.owner is None) == (self.team is None):
            raise ValueError("name either an owner or a team")
        return self


class Rule(_Part):
    """One rule of assignment."""

    key: SegmentKey
    when: AssignmentWhen = AssignmentWhen()
    to: To
    method: Annotated[Method, Field(description="How a team takes turns")] = "round_robin"
    sticky_to_company: Annotated[
        bool,
        Field(description="First ask whoever has another lead of the same company, if they are in and have room"),
    ] = False
    accept_within: Annotated[
        Span | None, Field(description="An offer that nobody accepted by then goes on to the next; null: it waits")
    ] = None
    on_refusal: Annotated[
        Literal["next", "pool"], Field(description="Where a lead goes that was rejected, or not accepted in time")
    ] = "next"
    fallback: Annotated[
        SegmentKey | None, Field(description="A team that is asked when nobody could take it; null: the pool")
    ] = None
    retry_every: Annotated[
        Span | None, Field(description="Ask again for a lead that nobody had room for; null: it stays in the pool")
    ] = None
    backlog: Annotated[
        bool, Field(description="Also give out the leads that were there before the rule; else only those that come")
    ] = False


class Reclaim(_Part):
    """When a lead is taken back from its owner: after a time since some date, or since the last sign of life if that was later."""

    key: SegmentKey
    after: Span
    since: Annotated[
        Literal[
            "assigned_at",
            "accepted_at",
            "stage_entered_at",
            "acquired_at",
            "created_at",
            "last_activity_at",
        ]
        | Annotated[str, Field(pattern=r"^attributes\..{1,100}$", description="A date or time of your own")],
        Field(description="A lead without that date is not taken back"),
    ] = "assigned_at"
    without: Annotated[
        Literal["activity", "move"] | None,
        Field(
            description="`activity`: one of us got in touch; `move`: the lead entered another stage. "
            "The time begins anew with each; null: it runs whatever happens"
        ),
    ] = None
    quiet_for: Annotated[
        timedelta,
        Field(
            ge=timedelta(0),
            le=timedelta(days=3660),
            description="Never so soon after one of us was in touch. Does not matter with `without: activity`, which says so itself",
        ),
    ] = timedelta(days=7)
    stages: Annotated[list[Stage], Field(max_length=7, description="Only in these; none: in any")] = []
    teams: Annotated[list[SegmentKey], Field(max_length=100, description="Only leads these gave; none: all")] = []
    to: Annotated[Literal["pool", "next"], Field(description="`next`: whose turn it is in the same team")] = "pool"


class AssignmentRules(_Part):
    """Who gets which lead: the first rule that is for a lead decides."""

    rules: Annotated[list[Rule], Field(max_length=200)] = []
    reclaim: Annotated[list[Reclaim], Field(max_length=50)] = []
    pool: Annotated[
        list[Stage],
        Field(min_length=1, max_length=7, description="In which stages a lead without an owner is in the pool"),
    ] = [Stage.OPPORTUNITY]
    on_recycle: Annotated[
        Literal["clear", "keep"], Field(description="Whether a lead that goes back to nurture has an owner still")
    ] = "clear"

    @model_validator(mode="after")
    def _has_each_key_once(self) -> Self:
        _refuse_twice([rule.key for rule in self.rules], "rules")
        _refuse_twice([rule.key for rule in self.reclaim], "reclaim")
        return self


def _refuse_twice(names: Collection[str], where: str) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ValueError(f"{where}: {twice[0]!r} is there twice")


TEAMS: Final = RuleSet("teams", Teams)
ASSIGNMENT_RULES: Final = RuleSet("assignment-rules", AssignmentRules)
