"""What every way in is translated to before it becomes a lead, and what cleaning makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

Verdict = Literal["valid", "suspect", "invalid"]
OnMatch = Literal["attach", "review", "reject"]


# Not frozen, which would take four times as long: two are made for every row of a file. Nobody changes one.
@dataclass(slots=True)
class Submission:
    """One person's data as one channel gave it: raw before `normalise`, in the service's own notation after it.

    ``external_ids`` maps a system to the person's id there, ``occurred_at`` is aware or None for "when it reaches us".
    ``auto_clean`` asks for the verdict to be acted upon: clean it, disqualify it, or leave it for a person to decide. ``revises`` names the
    system by whose external id this is recognised as a later version of a submission that came before. ``on_match`` is what the channel wants of somebody who is known
    already: one more contact of the lead, a lead of its own for a person to look at, or nothing. ``overwrites`` says that this is
    no contact but a record of one: what it says replaces what the lead has, and there is no touchpoint.
    """

    email: str | None = None
    phone: str | None = None
    full_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    company_name: str | None = None
    company_domain: str | None = None
    industry: str | None = None
    company_size: str | None = None
    country: str | None = None
    region: str | None = None
    channel: str | None = None
    campaign: str | None = None
    utm: dict[str, str] = field(default_factory=dict)
    external_ids: dict[str, str] = field(default_factory=dict)
    consent: dict[str, Any] = field(default_factory=dict)
    referred_by: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    test: bool = False
    delivery_id: UUID | None = None
    auto_clean: bool = False
    revises: str | None = None
    on_match: OnMatch = "attach"
    overwrites: bool = False


class Unusable(ValueError):
    """A value was given that cannot be used; the message says why, to whoever sent it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A field that was given but cannot be used: its JSON pointer in the body of ``POST /v1/leads``, and why."""

    pointer: str
    detail: str


@dataclass(slots=True)
class Cleaned:
    """A submission after cleaning: what can be used of it, and how far it can be trusted.

    ``submission`` is a normalised copy. ``raw`` has what was given for every field that was put right or cannot be used, under the field's
    name, or ``utm.source`` and the like. ``reasons`` are the codes that led to the ``verdict``, without repetition.
    """

    submission: Submission
    verdict: Verdict
    reasons: tuple[str, ...]
    faults: tuple[Fault, ...]
    raw: dict[str, Any] = field(default_factory=dict)
