"""What goes in and out over HTTP, for channels and deliveries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from service.channels.contract import Proof
from service.cleaning.submission import OnMatch
from service.intake.cleaning_rules import CleaningRules

Status = Literal["received", "pending_fetch", "processed", "duplicate", "ignored", "dead"]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Instant = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
ChannelKey = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"),
    Field(description="Part of the intake address, and the channel of its leads", examples=["web"]),
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Mapping = Annotated[
    dict[str, Expression],
    Field(
        max_length=100,
        description="Field of a lead (or `utm.source`, `external_ids.crm`, `attributes.size` …) → JMESPath into the body",
        examples=[{"email": "contact.mail", "external_ids.crm": "id"}],
    ),
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Defaults(_In):
    """What every lead of the channel is given where the delivery does not say."""

    campaign: ShortText | None = None
    country: ShortText | None = None
    region: ShortText | None = None
    industry: ShortText | None = None
    company_name: ShortText | None = None
    company_domain: ShortText | None = None
    company_size: ShortText | None = None
    referred_by: ShortText | None = None
    utm: Annotated[dict[ShortText, ShortText], Field(max_length=20)] | None = None
    consent: Annotated[dict[ShortText, Any], Field(max_length=20)] | None = None
    attributes: Annotated[dict[ShortText, Any], Field(max_length=50)] | None = None
    tags: Annotated[list[ShortText], Field(max_length=50)] | None = None


class Policy(_In):
    """How the channel's leads are handled."""

    auto_clean: Annotated[
        bool, Field(description="Act on the verdict of cleaning: clean valid leads, disqualify invalid ones")
    ] = True
    on_match: Annotated[
        OnMatch,
        Field(
            description="What becomes of somebody who is known already by e-mail, phone or external id: `attach` adds a touchpoint to "
            "that lead; `review` makes a lead without the contested identity, and a pair in `GET /v1/duplicates`; "
            "`reject` ignores the delivery, with reason `already_known`"
        ),
    ] = "attach"
    cleaning: CleaningRules | None = None
    retention_days: Annotated[
        int | None,
        Field(
            ge=1,
            le=36_500,
            description="How long deliveries are kept as they came; null is as long as everywhere (`LEADS_RETENTION_DAYS`)",
        ),
    ] = None
    default_region: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2; how phone numbers without a country code are read"
        ),
    ] = None


def _hide_default(schema: dict[str, Any]) -> None:
    """Absent is not a value: the default only makes the field optional, and would not be valid if it were sent."""
    schema.pop("default", None)


class ChannelCreate(_In):
    """A way in for leads."""

    key: ChannelKey
    vendor: Annotated[ShortText, Field(description="One of GET /v1/channel-types", examples=["standard-webhooks"])]
    name: ShortText | None = None
    secret: Annotated[
        Secret | None, Field(description="Absent: one is made and given in this answer, once. Never shown again")
    ] = None
    settings: Annotated[dict[str, Any], Field(description="By vendor: see GET /v1/channel-types", max_length=50)] = {}
    mapping: Mapping = {}
    defaults: Defaults = Defaults()
    policy: Policy = Policy()
    enabled: bool = True


class ChannelPatch(_In):
    """A JSON Merge Patch (RFC 7396): what is absent stays, null clears; ``settings`` to ``policy`` are merged, not replaced."""

    name: ShortText | None = None
    secret: Annotated[
        Secret,
        Field(
            description="A new secret; the previous one goes on to count for `secret_overlap_hours`",
            json_schema_extra=_hide_default,
        ),
    ] = ""
    secret_overlap_hours: Annotated[
        int, Field(ge=0, le=24 * 30, description="With `secret`: for how long the previous one still verifies")
    ] = 24
    settings: Annotated[dict[str, Any] | None, Field(max_length=50)] = None
    mapping: Annotated[dict[str, Expression | None] | None, Field(max_length=100)] = None
    defaults: Annotated[dict[str, Any] | None, Field(max_length=50)] = None
    policy: Annotated[dict[str, Any] | None, Field(max_length=50)] = None
    enabled: bool = True


class ChannelOut(BaseModel):
    """A channel; its secrets are write-only."""

    key: str
    vendor: str
    name: str | None
    enabled: bool
    has_secret: bool
    previous_secret_until: datetime | None
    settings: dict[str, Any]
    mapping: dict[str, str]
    defaults: dict[str, Any]
    policy: dict[str, Any]
    intake_url: Annotated[str, Field(description="Where the vendor sends to; `{secret}` stands for the secret")]
    setup: Annotated[str, Field(description="What to do at the vendor")]
    curl: Annotated[str, Field(description="A shell line that delivers a sample; it takes the secret from $SECRET")]
    created_at: datetime
    updated_at: datetime


class ChannelCreatedOut(ChannelOut):
    """A new channel, with the secret that was made for it."""

    secret: Annotated[str | None, Field(description="Only if none was given, and only in this answer")]


class ChannelTypeOut(BaseModel):
    """A vendor whose deliveries are understood."""

    vendor: str
    title: str
    setup: str
    settings: Annotated[dict[str, Any], Field(description="JSON Schema of a channel's `settings`")]
    makes_secret: Annotated[bool, Field(description="Whether we can make the secret; otherwise the vendor gives it")]
    proofs: Annotated[
        list[Proof],
        Field(
            description="How a delivery proves where it comes from: by a signature, so that the secret never travels, or with the secret "
            "in a header, as the password of Basic authentication, in the body or in the address. Which of several: `settings`"
        ),
    ]
    handshake: Annotated[bool, Field(description="Whether the vendor asks for an answer before it delivers")]
    fetches: Annotated[
        bool, Field(description="Whether deliveries have ids only, and the rest is asked for at the vendor")
    ]


class ChannelTypesOut(BaseModel):
    """Every vendor there is."""

    data: list[ChannelTypeOut]


class FiguresOut(BaseModel):
    """What came in through a channel since `since`, and what became of it. `received` is `accepted` and `refused` together."""

    since: Annotated[datetime, Field(description="The beginning of a day, UTC: 30 days ago unless asked otherwise")]
    received: int
    accepted: Annotated[int, Field(description="Verified, stored and acknowledged")]
    refused: Annotated[dict[str, int], Field(description="By reason; nothing else of them is kept")]
    processed: int
    duplicates: int
    ignored: int
    dead: int
    pending: Annotated[int, Field(description="Waiting now: to be processed, or for what is to be fetched")]
    lag_seconds: Annotated[float, Field(description="How long the oldest of these has waited; 0 when nothing waits")]
    last_received_at: datetime | None


class ChannelDetailOut(ChannelOut):
    """A channel, and how it is doing."""

    figures: FiguresOut
    silent_since: Annotated[
        datetime | None, Field(description="Its last delivery, if it has been silent for longer than it usually is")
    ]


class OutcomeOut(BaseModel):
    """What became of one part of a delivery: somebody's data, something they did, a consent, or a wish to be forgotten."""

    kind: Literal["submission", "activity", "consent", "erasure"]
    index: Annotated[int, Field(description="Which one of its kind, from 0")]
    result: Annotated[
        Literal[
            "created",
            "matched",
            "revised",
            "outdated",
            "rejected",
            "refused",
            "duplicate",
            "activity",
            "consent",
            "erased",
            "unknown_person",
        ],
        Field(
            description="`revised`: a later version of a submission; `outdated`: an older one, which only filled blanks; "
            "`rejected`: the channel takes nobody who is known already"
        ),
    ]
    lead_id: UUID | None
    matched_by: list[str]
    verdict: str | None
    code: str | None
    detail: str | None
    duplicate_of: UUID | None


class DeliveryBriefOut(BaseModel):
    """A delivery and what became of it."""

    id: UUID
    channel: str
    received_at: datetime
    status: Status
    attempts: Annotated[int, Field(description="Tries to process it; of what must be fetched, tries to fetch")]
    due_at: Annotated[datetime | None, Field(description="When what it needs is fetched (again)")]
    dedupe_key: Annotated[
        str | None, Field(description="What it is recognised by when it comes again; known once it was processed")
    ]
    reason: Annotated[str | None, Field(description="A stable code: why it is dead, ignored or a duplicate")]
    detail: str | None
    outcome: list[OutcomeOut]
    lead_ids: list[UUID]
    processed_at: datetime | None


class DeliveryOut(DeliveryBriefOut):
    """A delivery as it arrived, without its credentials, and what became of it."""

    method: str
    headers: dict[str, str]
    query: str
    body: Annotated[str, Field(description="As text, or as base64 when it is not UTF-8")]
    body_encoding: Literal["utf-8", "base64"]


class ReplayCreate(_In):
    """Which deliveries are processed again; at least the dead ones of everything, if nothing is said."""

    channel: ChannelKey | None = None
    status: Annotated[
        Literal["dead", "ignored", "processed", "duplicate", "pending_fetch"],
        Field(description="What became of them so far"),
    ] = "dead"
    reason: ShortText | None = None
    since: Annotated[Instant | None, Field(description="Received at or after")] = None
    until: Annotated[Instant | None, Field(description="Received before")] = None


class ReplayOut(BaseModel):
    """How many deliveries will be processed again."""

    count: int
