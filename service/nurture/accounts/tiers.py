"""Tiers of accounts by rules: the first tier whose conditions an account meets is its own, and it is said which they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.leads.fields import Amount, Currency
from service.lifecycle.stages import Stage
from service.nurture.accounts.roles import Role
from service.nurture.rules import RuleSet

TierKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Few = Annotated[int, Field(ge=1, le=1_000_000)]
Values = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(min_length=1, max_length=100)]
_EXPECTED: Final = [Role.DECISION_MAKER, Role.ECONOMIC_BUYER, Role.CHAMPION, Role.INFLUENCER, Role.USER, Role.PROCUREMENT, Role.LEGAL]  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Money(_Strict):
    """So much of one currency; nothing is converted."""

    amount: Amount
    currency: Currency


class Engaged(_Strict):
    """So many people who did something, or were in touch with us, within so many days."""

    people: Few
    days: Annotated[int, Field(ge=1, le=3650)]


class Roles(_Strict):
    """Buying roles that are all held by somebody."""

    all: Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
    suggested: Annotated[bool, Field(description="Whether a job title is enough, or somebody must have said so")] = (
        False
    )


class TierWhen(_Strict):
    """What an account must be like; what is left out does not matter, and all of the rest must hold."""

    people_gte: Annotated[Few, Field(description="People known of the company")] | None = None
    score_gte: Annotated[int, Field(ge=0, lt=2**31, description="The account's score")] | None = None
    engaged_people_gte: Engaged | None = None
    open_amount_gte: Money | None = None
    won_amount_gte: Money | None = None
    stages: (
        Annotated[list[Stage], Field(min_length=1, max_length=7, description="Somebody is in one of these")] | None
    ) = None
    industry: Values | None = None
    size: Values | None = None
    country: Values | None = None
    domains: Annotated[Values, Field(description="These companies, by name")] | None = None
    roles: Roles | None = None


class Tier(_Strict):
    """A tier and who is of it; without any conditions it is for all who are left."""

    key: TierKey
    label: Label | None = None
    when: TierWhen = TierWhen()


class AccountTiers(_Strict):
    """Tiers in the order they are tried, and the roles that a complete group of buyers has."""

    tiers: Annotated[list[Tier], Field(max_length=50)] = []
    expected_roles: Annotated[
        list[Role], Field(max_length=len(Role), description="Who is reported as missing where nobody has the role")
    ] = _EXPECTED

    @model_validator(mode="after")
    def _is_told_apart(self) -> Self:
        keys = [tier.key for tier in self.tiers]
        if len(set(keys)) < len(keys):
            raise ValueError("two tiers have the same key")
        return self

    @property
    def windows(self) -> frozenset[int]:
        """The days within which people are to be engaged."""
        return frozenset(one.when.engaged_people_gte.days for one in self.tiers if one.when.engaged_people_gte)

    @property
    def counts_roles(self) -> bool:
        """Whether any tier asks for roles."""
        return any(tier.when.roles for tier in self.tiers)


ACCOUNT_TIERS: Final = RuleSet("account-tiers", AccountTiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What rules can ask of an account. ``engaged`` is how many people were, by the window's days."""

    domain: str
    people: int
    score: int
    stages: Mapping[str, int]
    industry: str | None
    size: str | None
    country: str | None
    open_amounts: Mapping[str, Decimal]
    won_amounts: Mapping[str, Decimal]
    engaged: Mapping[int, int] = field(default_factory=dict)
    roles: frozenset[Role] = frozenset()
    suggested_roles: frozenset[Role] = frozenset()


class Verdict(NamedTuple):
    """The tier of an account, None if none fits, and for each of its conditions what was asked and what was found."""

    tier: str | None
    why: dict[str, Any]


def tier_of(rules: AccountTiers, facts: Facts) -> Verdict:
    """Return the first tier that fits."""
    for tier in rules.tiers:
        found = {name: _CHECKS[name](asked, facts) for name, asked in tier.when if asked is not None}
        if all(met for met, _ in found.values()):
            return Verdict(tier.key, {name: shown for name, (_, shown) in found.items()})
    return Verdict(None, {})


_Found = tuple[bool, dict[str, Any]]


def _at_least(asked: int, found: int) -> _Found:
    return found >= asked, {"asked": asked, "found": found}


def _engaged(asked: Engaged, facts: Facts) -> _Found:
    found = facts.engaged.get(asked.days, 0)
    return found >= asked.people, {"asked": asked.people, "days": asked.days, "found": found}


def _money(asked: Money, amounts: Mapping[str, Decimal]) -> _Found:
    found = amounts.get(asked.currency, Decimal(0))
    return found >= asked.amount, {"asked": f"{asked.amount:f}", "currency": asked.currency, "found": f"{found:f}"}


def _stages(asked: list[Stage], facts: Facts) -> _Found:
    found = [str(stage) for stage in asked if facts.stages.get(stage)]
    return bool(found), {"asked": [str(stage) for stage in asked], "found": found}


def _one_of(asked: list[str], found: str | None) -> _Found:
    return found in asked, {"found": found}


def _roles(asked: Roles, facts: Facts) -> _Found:
    held = facts.roles | facts.suggested_roles if asked.suggested else facts.roles
    return held >= set(asked.all), {"asked": [str(role) for role in asked.all], "suggested": asked.suggested}


_CHECKS: Final[dict[str, Callable[[Any, Facts], _Found]]] = {
    "people_gte": lambda asked, facts: _at_least(asked, facts.people),
    "score_gte": lambda asked, facts: _at_least(asked, facts.score),
    "engaged_people_gte": _engaged,
    "open_amount_gte": lambda asked, facts: _money(asked, facts.open_amounts),
    "won_amount_gte": lambda asked, facts: _money(asked, facts.won_amounts),
    "stages": _stages,
    "industry": lambda asked, facts: _one_of(asked, facts.industry),
    "size": lambda asked, facts: _one_of(asked, facts.size),
    "country": lambda asked, facts: _one_of(asked, facts.country),
    "domains": lambda asked, facts: (facts.domain in asked, {"found": True}),
    "roles": _roles,
}
